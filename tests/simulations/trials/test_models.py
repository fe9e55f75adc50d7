import json
from dataclasses import asdict
from pathlib import Path

import pytest

from simulations.backtest.errors import BadInput
from simulations.calibration.record import FORMAT
from simulations.plant.model import PLACEHOLDERS
from simulations.trials.setup import model_of

MEASURED = PLACEHOLDERS["l4-24gb"]


def _file(folder: Path, **model: float) -> str:
    path = folder / "l4.json"
    path.write_text(json.dumps({"format": FORMAT, "model": asdict(MEASURED) | model}))
    return str(path)


def test_a_calibration_file_is_read_as_calibrate_writes_it(tmp_path: Path):
    assert model_of(_file(tmp_path)) == (MEASURED, True)
    assert model_of("l4-24gb") == (MEASURED, False)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"step_secnds": 0.1}, "unknown: step_secnds"), ({"step_seconds": -1.0}, "step_seconds")],
)
def test_a_field_that_is_wrong_is_named_and_never_left_out(
    tmp_path: Path, wrong: dict[str, float], told: str
):
    with pytest.raises(BadInput, match=rf"--model: .*l4\.json.*{told}"):
        model_of(_file(tmp_path, **wrong))
