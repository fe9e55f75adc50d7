"""The golden timelines: what the rules make of a day, as files that people can read."""

from pathlib import Path

import pytest

from scaler.policy import RULES
from timelines import files, main, played


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_the_rules_decide_as_the_timeline_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert played(text) == text, "if the change is wanted: make golden, and review the difference"


def test_every_rule_moves_a_number_in_some_timeline() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in files())
    unseen = [rule.__name__ for rule in RULES if f"{rule.__name__} " not in text]
    assert unseen == []


def test_a_changed_decision_is_noticed() -> None:
    text = next(path for path in files() if path.stem == "diurnal-rise").read_text(encoding="utf-8")
    assert played(text.replace("threshold: 10", "threshold: 9")) != text


def test_writing_them_anew_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_text(encoding="utf-8") for path in files()}
    assert main() == 0
    assert capsys.readouterr().out == ""
    assert {path: path.read_text(encoding="utf-8") for path in files()} == before
