"""The Python of docs/forecasting.md runs, in its order, and says what it says."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecasting.series import Series

DOCS = Path(__file__).parents[2] / "docs" / "forecasting.md"


def test_the_examples_run(
    office: Callable[..., Series], capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len(blocks) >= 3
    history = office(days=6.2)
    portal = Series(
        start_at=history.start_at, step_seconds=60.0, values=np.roll(history.values, -5)
    )
    known: dict[str, Any] = {"history": history, "portal": portal}
    bounds = []
    for block in sorted(blocks, key=lambda text: "WithEvents" not in text):
        exec(block, known)  # noqa: S102 - our own documentation
        if "bound = " in block:
            bounds.append(known["bound"])
    told, led, plain = bounds
    assert told == pytest.approx(3 * plain, rel=0.2)  # the zones differ in nothing else
    assert led > 0
    assert len(known["ahead"]) == 288
    names = {expert.name for expert in known["forecaster"].mixture.experts}
    assert {"boosted", "holt-winters"} <= names
    assert re.search(r"portal (True|False) -?\d+%", capsys.readouterr().out)
