"""Where built programs lie, and the answer when one is not there yet."""

import os
from pathlib import Path

from .catalog import Part, part


class PartMissing(RuntimeError):  # noqa: N818 - named after what is wrong
    """A program has not been built; the message is the command that builds it."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        command = f"PYTHONPATH=tests/support python -m parts {' '.join(names)}"
        super().__init__(f"not built yet: {', '.join(names)}. Build with: {command}")


def cache_folder() -> Path:
    """Return the user's cache folder for built programs (it may not exist yet)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base else Path.home() / ".cache"
    return root / "prewarm" / "parts"


def place_of(wanted: Part) -> Path:
    """Return where the program lies once it is built."""
    return cache_folder() / wanted.family.key / wanted.name


def binary(name: str) -> Path:
    """Return the built program called `name`.

    Raises PartMissing, with the command that builds it, when it is not there.
    """
    path = place_of(part(name))
    if not path.is_file():
        raise PartMissing((name,))
    return path


def missing(*names: str) -> tuple[str, ...]:
    """Return those of `names` that are not built yet, in the order given."""
    return tuple(name for name in names if not place_of(part(name)).is_file())
