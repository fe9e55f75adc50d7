"""scripts/install-prometheus on machines that have different things, made of stubs on PATH."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "install-prometheus"
INSTALL = 'for p in prometheus promtool; do printf "#!/bin/sh\\n" > {0}/$p; chmod +x {0}/$p; done'


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder that is all of PATH."""
    for name in ("cat", "chmod", "id", "mktemp", "rm", "sed", "tail"):
        found = shutil.which(name)
        assert found is not None
        (tmp_path / name).symlink_to(found)
    return tmp_path


def put(machine: Path, name: str, script: str = "") -> None:
    path = machine / name
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(machine: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/sh", SCRIPT],
        env={"PATH": str(machine), "TMPDIR": str(machine), **environment},
        check=False,
        capture_output=True,
        text=True,
    )


def test_it_does_nothing_where_all_is_there(machine: Path) -> None:
    put(machine, "prometheus")
    put(machine, "promtool")
    put(machine, "apt-get", "exit 1")
    done = run(machine)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("has_apt", [False, True])
def test_it_says_how_where_it_may_not_install(machine: Path, *, has_apt: bool) -> None:
    put(machine, "id", "echo 1000")
    if has_apt:
        put(machine, "apt-get", "exit 1")
    done = run(machine)
    assert done.returncode == 0
    assert "apt-get install -y --no-install-recommends prometheus" in done.stderr
    assert run(machine, PREWARM_REQUIRE_PARTS="1").returncode == 1


def test_it_installs_as_root_and_once(machine: Path) -> None:
    put(machine, "id", "echo 0")
    put(machine, "apt-get", INSTALL.format(machine))
    done = run(machine)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert run(machine).stderr == ""


def test_it_updates_the_lists_when_the_package_is_not_found(machine: Path) -> None:
    put(machine, "id", "echo 0")
    install = f"test -e {machine}/updated || exit 100; {INSTALL.format(machine)}"
    put(machine, "apt-get", f'case "$1" in update) : > {machine}/updated;; *) {install};; esac')
    assert run(machine).returncode == 0
    assert os.access(machine / "prometheus", os.X_OK)


def test_a_failure_is_shown_and_fails_only_where_nothing_may_skip(machine: Path) -> None:
    put(machine, "id", "echo 0")
    put(machine, "apt-get", "echo no space left; exit 100")
    done = run(machine)
    assert done.returncode == 0
    assert "no space left" in done.stderr
    assert run(machine, PREWARM_REQUIRE_PARTS="1").returncode == 1
