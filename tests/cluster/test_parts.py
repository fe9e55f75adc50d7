"""The real programs: what is said when one is not there, and that building is safe and rare."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import parts
from parts.store import place_of

REPOSITORY = Path(__file__).parents[2]

# Stands in for Go: tells its version, and "builds" a script after a while.
FAKE_GO = """#!/bin/sh
if [ "$1" = env ]; then echo VERSION; exit 0; fi
echo built >> BUILDS
sleep 0.5
while [ "$1" != -o ]; do shift; done
echo compiled/package >&2
EXIT
echo '#!/bin/sh' > "$2"
chmod +x "$2"
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fake_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, version: str = "go1.26.0", end: str = ":"
) -> Path:
    """Put a stand-in for Go first on PATH; returns the file that counts its builds."""
    builds = tmp_path / "builds"
    text = FAKE_GO.replace("VERSION", version).replace("BUILDS", str(builds)).replace("EXIT", end)
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(text)
    go.chmod(go.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{go.parent}{os.pathsep}{os.environ['PATH']}")
    return builds


@pytest.mark.usefixtures("cache")
def test_a_missing_part_is_named_with_the_command_that_builds_it() -> None:
    with pytest.raises(parts.PartMissing, match="python -m parts promtool"):
        parts.binary("promtool")


def test_an_unknown_part_is_named_with_those_that_there_are() -> None:
    with pytest.raises(KeyError, match=r"prometeus.*prometheus, promtool"):
        parts.binary("prometeus")


@pytest.mark.usefixtures("cache")
def test_a_machine_without_go_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(parts.GoMissing, match=r"Go >= 1\.26.*no `go` on PATH"):
        parts.build("grpcurl")


@pytest.mark.usefixtures("cache")
def test_a_go_that_is_too_old_is_named_with_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(tmp_path, monkeypatch, version="go1.25.9")
    with pytest.raises(parts.GoMissing, match=r"is go1\.25\.9"):
        parts.build("grpcurl")


def test_what_is_built_lies_in_the_cache_and_is_not_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    builds = fake_go(tmp_path, monkeypatch)
    place = parts.build("grpcurl")["grpcurl"]
    assert cache in place.parents
    assert parts.binary("grpcurl") == place
    started_at = time.monotonic()
    parts.build("grpcurl")
    assert time.monotonic() - started_at < 0.2
    assert builds.read_text().split() == ["built"]


def test_two_builders_at_once_build_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    builds = fake_go(tmp_path, monkeypatch)
    command = [sys.executable, "-m", "parts", "grpcurl"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "tests" / "support")}
    both = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [one.wait(30) for one in both] == [0, 0]
    assert builds.read_text().split() == ["built"]
    assert [one.name for one in place_of(parts.part("grpcurl")).parent.iterdir()] == ["grpcurl"]
    assert cache.is_dir()


@pytest.mark.usefixtures("cache")
def test_a_build_that_fails_leaves_nothing_and_says_what_go_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_go(tmp_path, monkeypatch, end="echo no such module >&2; exit 1")
    with pytest.raises(parts.BuildFailed, match="no such module"):
        parts.build("grpcurl")
    assert list(place_of(parts.part("grpcurl")).parent.iterdir()) == []


def test_each_family_pins_its_version_once() -> None:
    versions = {part.family.name: part.family.version for part in parts.PARTS.values()}
    assert versions["keda"] == "v2.21.0"
    assert versions["kubernetes"] == "v1.37.2"
    assert all(version.startswith("v") for version in versions.values())
