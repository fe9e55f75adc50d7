"""What a run has started, and what of it is still there."""

from dataclasses import dataclass
from pathlib import Path

from .ports import is_listening


@dataclass(frozen=True)
class Run:
    """A run's folder and ports, and the processes that it started."""

    folder: Path
    ports: tuple[int, ...]
    processes: frozenset[int]

    @classmethod
    def read(cls, line: str) -> "Run":
        """Understand `up FOLDER PORT,PORT`, and look for the processes now."""
        _, folder, ports = line.split()
        return cls(Path(folder), tuple(map(int, ports.split(","))), started_in(folder))

    def is_gone(self) -> bool:
        """Whether nothing is left."""
        return not self.leftovers()

    def leftovers(self) -> list[str]:
        """What is left, in words."""
        alive = [f"process {one}" for one in self.processes if Path(f"/proc/{one}").exists()]
        ports = [f"port {one}" for one in self.ports if is_listening(one)]
        return alive + ports + ([f"folder {self.folder}"] if self.folder.exists() else [])


def started_in(folder: str) -> frozenset[int]:
    """The processes whose working directory is the run's folder: all that it started."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str((entry / "cwd").readlink()) == folder:
                found.add(int(entry.name))
        except OSError:
            continue
    return frozenset(found)
