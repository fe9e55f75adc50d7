"""Runs the notebooks' sources and writes each with what it showed, as .ipynb beside it.

    python scripts/build_notebooks.py [NAME ...]

Needs `pip install 'keda-prewarm[notebooks]'`. Some minutes; equal sources give equal figures.
"""

import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from rich.progress import track

FOLDER = Path(__file__).parents[1] / "simulations" / "notebooks"
CELL_SECONDS = 1_200


def build(source: Path) -> None:
    """Write the paired notebook of a source."""
    notebook = jupytext.read(source)
    NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3").execute()
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"  # so that a rebuild differs where something differs
        cell.metadata.pop("execution", None)
        kept = (output for output in cell.get("outputs", ()) if output.get("name") != "stderr")
        if cell.cell_type == "code":
            cell["outputs"] = list(kept)
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"]}
    nbformat.write(notebook, source.with_suffix(".ipynb"))


def main() -> None:
    """Build the named notebooks, or all."""
    names = sys.argv[1:]
    chosen = [path for path in sorted(FOLDER.glob("*.py")) if not names or path.stem in names]
    for source in track(chosen, "notebooks"):
        build(source)


if __name__ == "__main__":
    main()
