"""What an installation holds, and what it must not."""

import subprocess
import sys
import tomllib
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "vllm", "matplotlib", "plotly", "plotext", "pyarrow", "lightgbm")


@pytest.mark.parametrize("package", ["forecasting", "scaler", "serving", "simulations"])
def test_each_package_is_ours(package: str) -> None:
    """The names are global, and a public distribution installs a `scaler` of its own."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).parent.parent == ROOT


def test_the_base_install_carries_neither_torch_nor_vllm_nor_a_plotting_library() -> None:
    base = [line for line in requires("keda-prewarm") or [] if "extra ==" not in line]
    assert base
    for name in HEAVY:
        assert not [line for line in base if line.lower().startswith(name)]


# Asked for by name alone: the one says what to install, the other takes a second to import.
BY_NAME = ("forecasting.boosted", "forecasting.holt_winters")


def test_every_base_module_is_imported_without_what_only_extras_bring() -> None:
    program = (
        "import sys, pkgutil, importlib, scaler, forecasting\n"
        f"for name in {HEAVY!r}: sys.modules[name] = None\n"
        "for package in (scaler, forecasting):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        f"        if module.name not in {BY_NAME!r}: importlib.import_module(module.name)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_command_starts_without_any_heavy_import() -> None:
    program = (
        "import sys, scaler.__main__\n"
        "heavy = {'torch', 'vllm', 'matplotlib', 'statsmodels', 'pandas', 'grpc', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_extras_and_entry_points_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(project["optional-dependencies"]) >= {"serving", "simulations", "dev"}
    assert set(project["entry-points"]["prewarm.commands"]) >= {
        *("serve", "demo", "check", "explain", "version"),
    }


def test_the_pinned_constraints_name_no_download_address() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert "grpcio==" in text


def test_no_folder_shadows_a_public_package() -> None:
    for folder in ("proto", "charts", "tests"):
        assert not (ROOT / folder / "__init__.py").exists()
