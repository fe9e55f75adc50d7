"""Each notebook runs, in its fast mode, to a trigger that the scaler takes; and is as built."""

from pathlib import Path

import jupytext
import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from scaler.metadata import parse

FOLDER = Path(__file__).parents[3] / "simulations" / "notebooks"
SOURCES = sorted(FOLDER.glob("*.py"))
NAMES = [path.stem for path in SOURCES]
PARAMETERS = "parameters"
MOST_LINES = 6
ADDRESS = "serverAddress"


def test_there_are_notebooks() -> None:
    assert NAMES == ["choose_the_floor", "faster_loader", "first_look", "tune", "worth_it"]


def printed(notebook: nbformat.NotebookNode) -> list[str]:
    outputs = (each for cell in notebook.cells for each in cell.get("outputs", ()))
    return [each["text"] for each in outputs if each.get("name") == "stdout"]


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_runs_in_its_fast_mode_to_a_trigger_that_the_scaler_takes(source: Path) -> None:
    notebook = jupytext.read(source)
    (parameters,) = (c for c in notebook.cells if PARAMETERS in c.metadata.get("tags", ()))
    assert "FAST" in parameters.source
    parameters.source += "\nFAST = True"
    assert "\nassert " in "\n" + notebook.cells[-1].source
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    (block,) = (text for text in printed(notebook) if text.startswith("triggers:"))
    (trigger,) = yaml.safe_load(block)["triggers"]
    assert trigger["type"] == "external"
    params = parse(trigger["metadata"]).params
    assert params.threshold > 0
    assert params.lead_time_seconds in {90.0, 150.0}
    pictures = [
        o for c in notebook.cells for o in c.get("outputs", ()) if "image/png" in o.get("data", {})
    ]
    assert pictures


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_is_in_step_with_what_was_built_from_it(source: Path) -> None:
    """If this fails: python scripts/build_notebooks.py NAME."""
    built = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    written = jupytext.read(source)
    assert [c.source for c in built.cells] == [c.source for c in written.cells]
    assert [c.cell_type for c in built.cells] == [c.cell_type for c in written.cells]
    shown = [c for c in built.cells if c.cell_type == "code" and c.outputs]
    assert shown, "built without being run"
    assert "/tmp/" not in source.with_suffix(".ipynb").read_text(encoding="utf-8")  # noqa: S108


@pytest.mark.parametrize("source", SOURCES, ids=NAMES)
def test_cells_are_short(source: Path) -> None:
    cells = [c.source for c in jupytext.read(source).cells if c.cell_type == "code"]
    assert max(len(text.splitlines()) for text in cells) <= MOST_LINES
