"""`python -m parts`: build the real programs that the tests run."""

import argparse
import sys

from . import CLUSTER_PARTS, PARTS, BuildFailed, GoMissing, build, cache_folder, missing
from .store import place_of

EPILOG = """\
examples:
  python -m parts prometheus promtool grpcurl   what the integration tests use (about 2 minutes)
  python -m parts --cluster                     Kubernetes, KEDA and kwok (about 17 minutes)
  python -m parts --all                         everything
  python -m parts --list                        what there is, and where it lies

Programs go to ${XDG_CACHE_HOME:-~/.cache}/prewarm/parts, one folder per family and version. What
is there already is not built again; to build afresh, delete that folder. Versions are pinned by
the go.mod and go.sum of each family, beside this program. Go >= 1.26 is needed to build, and by
the cluster tests to find KEDA's resource definitions in Go's module cache. Run from the
repository root with PYTHONPATH=tests/support.
"""


def main(arguments: list[str] | None = None) -> int:
    """Build, or list, the parts that the command line names; the exit status says if all stand."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        _list_parts()
        return 0
    names = _chosen(options)
    if not names:
        parser.error("name at least one part, or use --cluster, --all or --list")
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        parser.error(f"no part is called {', '.join(unknown)}; known: {', '.join(PARTS)}")
    try:
        absent = missing(*names)
        build(*names, say=_say)
    except (GoMissing, BuildFailed) as error:
        _say(str(error))
        return 1
    _say(f"{len(names)} parts stand in {cache_folder()} ({len(absent)} built now)")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m parts",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--cluster", action="store_true", help="the parts of the control plane")
    parser.add_argument("--all", action="store_true", help="every part")
    parser.add_argument("--list", action="store_true", help="name the parts and their places")
    return parser


def _chosen(options: argparse.Namespace) -> tuple[str, ...]:
    if options.all:
        return tuple(PARTS)
    cluster = CLUSTER_PARTS if options.cluster else ()
    return tuple(dict.fromkeys((*options.names, *cluster)))


def _list_parts() -> None:
    for part in PARTS.values():
        place = place_of(part)
        where = str(place) if place.is_file() else f"not built (~{part.cold_build_seconds} s)"
        print(f"{part.name:24} {part.family.version:9} {where}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
