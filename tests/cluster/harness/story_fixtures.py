"""The story beside the other tests: it begins when the run begins, and is read at its end.

It takes a quarter of an hour of waiting, so it runs as a process of its own, with a control plane
of its own, while the other tests run; its tests are put last.
"""

import json
import os
import shutil
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import parts
from required import skip_or_fail

from .fixtures import LOGS_VARIABLE
from .play import TRACE, real_trace
from .processes import Program, Programs

REPOSITORY = Path(__file__).resolve().parents[3]
MARK = "story"  # the fixture by which a test asks for it
WITHIN_SECONDS = 1200.0


@dataclass(frozen=True)
class Background:
    """The process that tells the story, and where it writes."""

    run: Programs
    program: Program

    @classmethod
    def begin(cls) -> "Background":
        """Start it."""
        run = Programs()
        command = [
            sys.executable, "-m", "harness.story",
            f"--figures={run.folder / 'story.json'}", f"--picture={run.folder / 'story.png'}",
        ]  # fmt: skip
        path = os.pathsep.join(
            str(REPOSITORY / one) for one in ("tests/support", "tests/cluster", ".")
        )
        return cls(run, run.start("story", command, environment={"PYTHONPATH": path}))

    def result(self) -> dict[str, Any]:
        """Wait for its end and return its figures; ProgramFailed with its log without them."""
        status = self.program.wait(WITHIN_SECONDS)
        assert status == 0, self.program.tail()
        found: dict[str, Any] = json.loads((self.run.folder / "story.json").read_text())
        return found

    def end(self) -> None:
        """Keep what it wrote where that is asked for, and end it, however far it is."""
        kept = os.environ.get(LOGS_VARIABLE, "")
        if kept:
            Path(kept).mkdir(parents=True, exist_ok=True)
            for one in (self.program.log, *self.run.folder.glob("story.*")):
                shutil.copy(one, kept)
        self.run.close()


_background = pytest.StashKey[Background]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the story's tests last, so that they find it told."""
    items.sort(key=_wants_story)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the story if a test wants it and everything for it is there."""
    wanted = any(map(_wants_story, session.items)) and not session.config.option.collectonly
    if wanted and not _reason_against():
        session.config.stash[_background] = Background.begin()


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """End it, also when the run was interrupted."""
    try:
        return (yield)
    finally:
        background = session.config.stash.get(_background, None)
        if background is not None:
            background.end()


@pytest.fixture(scope="session")
def story(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The figures of the story, once it is told."""
    reason = _reason_against()
    if reason:
        skip_or_fail(reason)
    return request.config.stash[_background].result()


def _wants_story(item: pytest.Item) -> bool:
    is_ours = "cluster" in item.path.parts  # elsewhere a test may call anything its story
    return is_ours and MARK in getattr(item, "fixturenames", ())


def _reason_against() -> str:
    absent = parts.missing(*parts.CLUSTER_PARTS, "prometheus", "promtool")
    if absent:
        return str(parts.PartMissing(absent))
    if real_trace() is None:
        return f"no trace {TRACE}; PREWARM_TRACES names its folder"
    try:
        parts.require_go()
    except parts.GoMissing as error:
        return str(error)
    return ""
