"""What a backtest says of leading queries: one that helps, noise, one that is missing."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from forecasting.arrays import FloatVector
from forecasting.series import Series
from scaler.__main__ import main
from simulations.backtest.companions import Missing, beside
from simulations.backtest.errors import BadInput
from simulations.backtest.inputs import Input, zone_of
from simulations.backtest.leading import alone, variants
from simulations.backtest.methods import OURS, every_method
from simulations.backtest.run import Wanted, backtest_all, case_of
from simulations.backtest.session import leading_of

MONDAY = 1_736_121_600.0
LEAD_MINUTES = 10
GRID = {"start_at": MONDAY, "step_seconds": 60.0}
QUICK = (
    "--horizons", "10m", "--quantiles", "0.9", "--every", "2h", "--score-days", "1d",
    "--short-histories", "none", "--methods", "prewarm,last-value", "--jobs", "1",
)  # fmt: skip


def bursts(days: float, *, seed: int) -> FloatVector:
    """Arrivals at a gateway: half an hour each, at moments that nothing foretells."""
    generator = np.random.default_rng(seed)
    level = np.full(round(days * 1440), 20.0)
    for begin in np.flatnonzero(generator.random(level.size) < 1 / 180):
        level[begin : begin + 30] += generator.uniform(40, 200)
    return level * generator.gamma(200, 1 / 200, level.size)


@pytest.fixture(scope="module")
def columns() -> dict[str, FloatVector]:
    """Demand that follows the portal after ten minutes, and a column of noise."""
    portal = bursts(5.0, seed=1)
    demand = np.concatenate((np.full(LEAD_MINUTES, 10.0), 0.5 * portal[:-LEAD_MINUTES]))
    return {"demand": demand, "portal": portal, "noise": bursts(5.0, seed=9)}


@pytest.fixture(scope="module")
def led_csv(columns: dict[str, FloatVector], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("led") / "led.csv"
    lines = [f"timestamp,{','.join(columns)}"]
    for place, row in enumerate(zip(*columns.values(), strict=True)):
        lines.append(f"{MONDAY + 60 * place:.0f},{','.join(f'{value:.4f}' for value in row)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def run(*words: "str | Path") -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(word) for word in words])
    return result.exit_code, result.output


@pytest.mark.slow
def test_a_leader_is_kept_with_its_gain_and_noise_is_dropped(led_csv: Path) -> None:
    status, text = run(
        "backtest", led_csv, *QUICK, "--leading", "gateway: portal", "--leading", "other: noise",
        "--json",
    )  # fmt: skip
    assert status == 0, text
    found = json.loads(text)[0]
    losses = {row["method"]: row["pinball"] for row in found["scores"]}
    assert set(losses) == {
        "prewarm", "last-value", "prewarm-without-leading", "prewarm-with-gateway-alone",
        "prewarm-with-other-alone",
    }  # fmt: skip
    assert losses["prewarm"] < 0.5 * losses["prewarm-without-leading"]
    gateway, other = found["leading"]["indicators"]
    for each in (gateway, other):
        mine = losses[f"prewarm-with-{each['name']}-alone"]
        want = 1 - mine / losses["prewarm-without-leading"]
        assert each["gain_ratio"] == pytest.approx(want)
    assert gateway["is_kept"]
    assert gateway["gain_ratio"] > 0.5
    assert not other["is_kept"]
    assert abs(other["gain_ratio"]) < 1e-6
    said = " ".join(found["verdict"]["sentences"])
    assert f"By itself gateway lowers the loss by {gateway['gain_ratio']:.0%}; kept." in said
    assert "By itself other does not change the loss; not kept" in said
    assert "best other method, last-value" in said


def test_only_the_question_of_the_verdict_is_asked_without_them(
    columns: dict[str, FloatVector],
) -> None:
    demand, portal = (Series(values=columns[name], **GRID) for name in ("demand", "portal"))
    zone = zone_of("--timezone", "UTC")
    wanted = Wanted(horizons_seconds=(300.0, 600.0), quantiles=(0.5, 0.9), scored_days=0.1,
                    every_seconds=7200.0)  # fmt: skip
    led = Input(name="led", series=demand.led_by({"p": portal}), zone=zone, observed_ratio=1.0)
    plain = Input(name="plain", series=demand, zone=zone, observed_ratio=1.0)
    cases = [case_of(each, wanted) for each in (led, plain)]
    [of_led, of_plain], bounds = backtest_all(cases, [every_method()[OURS]], wanted)
    without = [question for question in bounds if question.method != OURS]
    assert [(each.case, each.method) for each in without] == [(0, "prewarm-without-leading")]
    assert of_led.leading is not None
    assert of_plain.leading is None
    [mine] = [q for q in bounds if q.method == OURS and (q.case, q.horizon_seconds, q.quantile)
              == (1, without[0].horizon_seconds, without[0].quantile)]  # fmt: skip
    # the plain series is the led one without its companion; its bounds may have been lifted
    np.testing.assert_array_less(bounds[without[0]], bounds[mine] * (1 + 1e-9))


def test_no_variant_without_a_leading_query(columns: dict[str, FloatVector]) -> None:
    given = Input(name="a", series=Series(values=columns["demand"], **GRID),
                  zone=zone_of("--timezone", "UTC"), observed_ratio=1.0)  # fmt: skip
    assert variants(every_method()[OURS], [case_of(given, Wanted())]) == ()
    assert alone("x") == "prewarm-with-x-alone"


def test_a_companion_outside_the_span_of_the_demand_is_missing(
    columns: dict[str, FloatVector],
) -> None:
    demand = Series(values=columns["demand"], **GRID)
    later = Series(start_at=MONDAY + 30 * 86_400, step_seconds=60.0, values=columns["noise"])
    series, missing = beside(demand, {"later": later, "portal": demand})
    assert series.leading_names == ("portal",)
    assert missing == (Missing(name="later", why="nothing was observed in the span of the demand"),)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--leading", "gateway: nothing"), '"nothing" (gateway) is not allowed; allowed are the'),
        (("--leading", "a: portal", "--leading", "a: noise"), "the name a is given twice"),
        (tuple(w for i in range(4) for w in ("--leading", f"n{i}: portal")), "allowed are 1 to 3"),
    ],
)
def test_a_bad_leading_query_is_named(led_csv: Path, words: tuple[str, ...], said: str) -> None:
    status, text = run("backtest", led_csv, *QUICK, *words)
    assert status == 2
    assert "--leading: " in text
    assert said in text


def test_an_empty_leading_query_is_named() -> None:
    assert leading_of("--leading", ()) == ()
    with pytest.raises(BadInput, match="--leading: 0 queries"):
        leading_of("--leading", (" ",))
