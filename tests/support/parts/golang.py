"""The ordinary `go` command: is it there, is it new enough, what did it say."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from .catalog import Family

MINIMUM_GO = (1, 26)


class GoMissing(RuntimeError):  # noqa: N818 - named after what is wrong
    """There is no `go` command that can build the parts; the message says what to install."""


def require_go() -> str:
    """Return the path of a `go` command that is new enough, or raise GoMissing."""
    wanted = ".".join(map(str, MINIMUM_GO))
    advice = f"The test programs are built from source with Go >= {wanted} (https://go.dev/dl/)"
    go = shutil.which("go")
    if go is None:
        raise GoMissing(f"{advice}; there is no `go` on PATH.")
    answer = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    found = answer.stdout.strip() or answer.stderr.strip()
    numbers = re.match(r"go(\d+)\.(\d+)", found)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < MINIMUM_GO:
        raise GoMissing(f"{advice}; `{go}` is {found or 'of an unknown version'}.")
    return go


def build_environment() -> dict[str, str]:
    """Return the caller's environment with cgo off, so programs need no C compiler to build."""
    return {**os.environ, "CGO_ENABLED": "0"}


def module_folder(family: Family) -> Path:
    """Return the folder of the family's source, fetched by Go when it is not there.

    KEDA's custom resource definitions are read from it.
    """
    answer = subprocess.run(
        [require_go(), "mod", "download", "-json", family.module],
        cwd=family.folder,
        env=build_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise RuntimeError(f"cannot fetch {family.module}: {answer.stderr or answer.stdout}")
    return Path(json.loads(answer.stdout)["Dir"])
