"""The verdict and the advice on cases whose answer is known."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from forecasting.arrays import FloatVector
from forecasting.series import Series
from simulations.backtest.advice import advise
from simulations.backtest.asking import Question
from simulations.backtest.case import Case, Questions, Terms
from simulations.backtest.learning import Learning
from simulations.backtest.methods import NAIVE, OURS, REACTIVE, every_method
from simulations.backtest.scoring import Scored, score_case
from simulations.backtest.verdict import Outcome, Verdict, judge

DAY = 86_400.0
STEP = 300.0
MONDAY = 1_736_121_600.0


def demand_of(n_days: float) -> FloatVector:
    hours = STEP * np.arange(round(n_days * 288)) % DAY / 3600.0
    return np.where((hours >= 9.0) & (hours < 17.0), 80.0, 10.0)


def case_of(values: FloatVector, *, scored_days: float = 3.0, start: float | None = None) -> Case:
    return Case(
        name="made.csv",
        series=Series(start_at=MONDAY, step_seconds=STEP, values=values),
        zone=ZoneInfo("UTC"),
        terms=Terms(threshold=10.0, start_seconds=start),
        questions=Questions(
            horizons_seconds=(600.0, 1200.0),
            quantiles=(0.5, 0.9),
            horizon_seconds=600.0,
            quantile=0.9,
            every_seconds=STEP,
            scored_days=scored_days,
        ),
        observed_ratio=1.0,
    )


def scored_with(
    case: Case, ours: "dict[float, FloatVector]"
) -> "tuple[Scored, dict[Question, FloatVector]]":
    """Return the case scored with given bounds of ours by quantile, beside the last value."""
    known = every_method()
    methods = [known[OURS], known[REACTIVE]]
    origins = case.origins()
    places = np.rint((origins - case.series.start_at) / STEP).astype(int)
    bounds = {}
    for horizon in case.questions.horizons_seconds:
        for quantile in case.questions.quantiles:
            for method, line in (
                (OURS, ours[quantile]),
                (REACTIVE, case.series.values[places]),
                (NAIVE, case.series.values[places - 288]),
            ):
                question = Question(
                    case=0, method=method, horizon_seconds=horizon, quantile=quantile
                )
                bounds[question] = line
    return score_case(0, case, methods, bounds), bounds


def outcomes(case: Case) -> FloatVector:
    return np.nan_to_num(case.outcomes(1200.0))


def judged(case: Case, bound: FloatVector, learning: Learning | None = None) -> Verdict:
    scored, _ = scored_with(case, {0.5: bound, 0.9: bound})
    return judge(scored, learning)


def test_a_forecast_that_sees_each_rise_pays_and_says_by_how_much() -> None:
    """By hand: 7 replicas more for 20 minutes a day, of 16 + 64 and 7 / 12 replica-hours: 2.9 %.

    Just over 7 times 10 need the eighth replica that 80 take.
    """
    case = case_of(demand_of(9))
    verdict = judged(case, outcomes(case))
    assert verdict.outcome is Outcome.PAYS
    assert verdict.headline.startswith(
        "Prediction pays here. With pods that take 10 min the forecast saves 100% of the shortage "
        "of the reactive scaler at 3% more capacity"
    )
    assert any(
        "7.00 times" in reason and "more capacity than" in reason for reason in verdict.reasons
    )
    assert any("on 3 of the 3 days" in reason for reason in verdict.reasons)
    assert verdict.unknowns == ()


def test_a_forecast_that_only_follows_does_not_pay() -> None:
    case = case_of(demand_of(9))
    places = np.rint((case.origins() - MONDAY) / STEP).astype(int)
    verdict = judged(case, case.series.values[places])
    assert verdict.outcome is Outcome.DOES_NOT_PAY
    assert "saves 0% of the shortage" in verdict.headline
    assert any("without any headroom" in reason for reason in verdict.reasons)


def test_where_plain_headroom_is_cheaper_prediction_does_not_pay() -> None:
    values = demand_of(9)
    case = case_of(values)
    verdict = judged(case, np.full(case.origins().size, 2000.0))
    assert verdict.outcome is Outcome.DOES_NOT_PAY
    assert "saves 100% of the shortage" in verdict.headline
    assert any("less capacity than the forecast" in reason for reason in verdict.reasons)
    assert any("higher than asked" in reason for reason in verdict.reasons)


def test_where_nothing_is_ever_short_there_is_nothing_to_save() -> None:
    case = case_of(np.full(9 * 288, 30.0))
    verdict = judged(case, np.full(case.origins().size, 30.0))
    assert verdict.outcome is Outcome.DOES_NOT_PAY
    assert "never short in this span: there is nothing to save" in verdict.headline


@pytest.mark.parametrize(("n_days", "scored_days"), [(9.0, 1.0), (3.5, 3.0)])
def test_too_short_a_span_or_history_is_unknown(n_days: float, scored_days: float) -> None:
    case = case_of(demand_of(n_days), scored_days=scored_days)
    bound = np.full(case.origins().size, 80.0)
    verdict = judged(case, bound)
    assert verdict.outcome is Outcome.UNKNOWN
    assert verdict.unknowns


def test_gaps_and_a_coarse_grid_are_named() -> None:
    case = replace(case_of(demand_of(9)), observed_ratio=0.9)
    assert any("10.0% of the history is missing" in text for text in
               judged(case, outcomes(case)).unknowns)  # fmt: skip
    asked = replace(case.questions, horizons_seconds=(60.0, 1200.0), horizon_seconds=60.0)
    coarse = replace(case, questions=asked)
    assert any("can't show the peak of 1 min" in text for text in
               judged(coarse, outcomes(coarse)).unknowns)  # fmt: skip


@pytest.mark.parametrize(
    ("losses", "want"),
    [
        ({1.0: 9.0, 2.0: 8.0, 4.0: 2.0, 7.0: 1.0}, "Do not enable below 4 days of history"),
        ({1.0: 2.0, 2.0: 2.0}, "Already 1 day of history beat the calibrated last value"),
        ({1.0: 2.0, 2.0: 9.0}, "Do not enable with 2 days of history or less"),
        ({1.0: 2.0, 2.0: 9.0, 4.0: 2.0}, "Do not enable below 4 days of history"),
    ],
)
def test_from_when_on_to_enable_it_is_said_in_days(losses: dict[float, float], want: str) -> None:
    case = case_of(demand_of(9))
    learning = Learning(by_days=losses, full=1.0, yardstick=5.0)
    assert any(want in reason for reason in judged(case, outcomes(case), learning).reasons)


def test_the_advice_is_what_costs_least_at_the_price_of_a_missing_replica() -> None:
    """The low bound saves all capacity and is short, the high one the other way round."""
    case = replace(case_of(demand_of(9), start=600.0), beyond_seconds=75.0)
    low, high = np.zeros(case.origins().size), outcomes(case)
    scored, bounds = scored_with(case, {0.5: low, 0.9: high})
    dear, cheap = (advise(0, scored, bounds, price=price) for price in (19.0, 0.01))
    assert dear is not None
    assert cheap is not None
    assert (dear.quantile, cheap.quantile) == (0.9, 0.5)
    assert dear.paste == 'leadTimeSeconds: "525"\nquantile: "0.9"'
    assert "it is the highest tested" in dear.reasons[0]
    assert "asks for the window scored, 10 min: the lead time, a step" in dear.reasons[1]
    assert "costs least for pods that take 10 min" in dear.reasons[1]


def test_the_advice_is_chosen_on_the_first_half_and_checked_on_the_rest() -> None:
    """The high bound pays on the first half alone; the rest has no say, and says so."""
    case = case_of(demand_of(9), start=600.0)
    half = case.origins().size // 2
    low, high = outcomes(case), 1000.0 + outcomes(case)
    low[:half], high[:half] = 0.0, outcomes(case)[:half]
    scored, bounds = scored_with(case, {0.5: low, 0.9: high})
    advice = advise(0, scored, bounds, price=19.0)
    assert advice is not None
    assert advice.quantile == 0.9, "on the whole span 0.5 costs less"
    assert advice.reasons[0].startswith("quantile 0.9: chosen on the first 1.5 days")
    assert advice.reasons[2].startswith("Checked on the last 1.5 days, which had no say in it")
    assert "; 0.5 would have cost least there, 0." in advice.reasons[2]
    later = {question: line.copy() for question, line in bounds.items()}
    for line in later.values():
        line[half + 4 :] = 7.0  # windows of 20 minutes lie between the halves
    again = advise(0, scored, later, price=19.0)
    assert again is not None
    assert again.reasons[:2] == advice.reasons[:2]
    assert again.reasons[2] != advice.reasons[2]


def test_without_a_start_up_time_the_lead_time_is_not_guessed() -> None:
    case = case_of(demand_of(9))
    scored, bounds = scored_with(case, {0.5: outcomes(case), 0.9: outcomes(case)})
    advice = advise(0, scored, bounds, price=19.0)
    assert advice is not None
    assert "Demand can't tell how long pods take to start" in advice.reasons[1]


@pytest.mark.parametrize(("excess", "want"), [(1.02, 0.95), (1.5, 0.5)])
def test_the_default_quantile_wins_a_tie_and_no_more(excess: float, want: float) -> None:
    """Both bounds hold throughout; the higher one pays for `excess` times the replicas."""
    case = case_of(np.full(9 * 288, 1000.0))
    questions = replace(case.questions, quantiles=(0.5, 0.95), quantile=0.95)
    case = replace(case, questions=questions)
    flat = np.full(case.origins().size, 1000.0)
    scored, bounds = scored_with(case, {0.5: flat, 0.95: excess * flat})
    advice = advise(0, scored, bounds, price=19.0)
    assert advice is not None
    assert advice.quantile == want
    is_default = "the default, within 3% of what costs least" in advice.reasons[0]
    assert is_default == (want == 0.95)
