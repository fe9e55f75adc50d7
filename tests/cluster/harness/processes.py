"""Programs under test: each in a process group and a log file of its own, ended by its id."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from . import keeper
from .waiting import wait_for

TAIL_LINES = 40


class ProgramFailed(AssertionError):  # noqa: N818 - named after what happened
    """A program ended, or did not come up in time; the message ends with its log."""


class Program:
    """One running program."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @property
    def process_id(self) -> int:
        """The id of the process, and of its group."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the program has not ended yet."""
        return self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """The exit status, negative for a signal, None while it runs."""
        return self._process.poll()

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the whole process group."""
        if self.is_running:
            os.killpg(self._process.pid, number)

    def wait(self, within_seconds: float) -> int:
        """Return the exit status; ProgramFailed when it still runs at the deadline."""
        try:
            return self._process.wait(within_seconds)
        except subprocess.TimeoutExpired:
            text = f"{self.name} still runs after {within_seconds:g} s:\n{self.tail()}"
            raise ProgramFailed(text) from None

    def check_running(self) -> None:
        """Raise ProgramFailed, with the log, when the program has ended."""
        if not self.is_running:
            raise ProgramFailed(f"{self.name} ended with {self.exit_status}:\n{self.tail()}")


class Programs:
    """Everything that one run starts: a folder for its files and logs, and its processes.

    On leaving, all processes are killed by id, youngest first, and the folder is removed. When
    the run itself is killed, the keeper does the same.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="prewarm-cluster-"))
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        self._running: list[Program] = []
        # A session of its own, so that neither Ctrl-C nor a killed process group takes it along.
        self._keeper = subprocess.Popen(
            [sys.executable, str(Path(keeper.__file__))],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._note(f"folder {self.folder}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        unset: Sequence[str] = (),
    ) -> Program:
        """Start a program; its output goes to the log that carries its name."""
        inherited = {key: value for key, value in os.environ.items() if key not in unset}
        log = self.logs / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**inherited, **(environment or {})},
                start_new_session=True,
            )
        self._note(f"group {process.pid}")
        program = Program(name, process, log)
        self._running.append(program)
        return program

    def stop(
        self,
        program: Program,
        *,
        by: signal.Signals = signal.SIGKILL,
        within_seconds: float = 10.0,
    ) -> int:
        """End one program by a signal and return its exit status."""
        program.send(by)
        try:
            return program.wait(within_seconds)
        finally:
            if program.is_running:
                program.send(signal.SIGKILL)
                program.wait(within_seconds)
            self._running.remove(program)
            self._note(f"gone {program.process_id}")

    def close(self) -> None:
        """Kill what runs, remove the folder, and let the keeper go."""
        for program in reversed(self._running):
            program.send(signal.SIGKILL)
        for program in self._running:
            program.wait(10.0)
        shutil.rmtree(self.folder, ignore_errors=True)
        self._running.clear()
        # Its input ends, so it ends, after a last look at what may be left.
        self._keeper.communicate(timeout=10.0)

    def log_tails(self, lines: int = TAIL_LINES) -> dict[str, str]:
        """The last lines of every log, by program."""
        return {
            path.stem: "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
            for path in sorted(self.logs.glob("*.log"))
        }

    def _note(self, line: str) -> None:
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(f"{line}\n")
        self._keeper.stdin.flush()


def wait_until_up(
    program: Program, probe: Callable[[], bool], *, within_seconds: float = 30.0
) -> None:
    """Wait until `probe` answers true; ProgramFailed with the log when the program ends first."""

    def is_up() -> bool:
        program.check_running()
        return probe()

    wait_for(
        is_up,
        f"{program.name} is up",
        within_seconds=within_seconds,
        every_seconds=0.05,
        last_seen=program.tail,
    )
