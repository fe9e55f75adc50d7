"""Real programs for the tests, built once per machine from their published Go modules.

    import parts

    parts.binary("prometheus")            # its path, or PartMissing with the command to use
    parts.build("prometheus", "promtool")  # build what is missing
    parts.module_folder(parts.KEDA)       # where KEDA's resource definitions lie

From a shell: `PYTHONPATH=tests/support python -m parts --help`.
"""

from .building import BuildFailed, build
from .catalog import (
    CLUSTER_PARTS,
    ETCD,
    GRPCURL,
    KEDA,
    KUBERNETES,
    KWOK,
    PARTS,
    PROMETHEUS,
    Family,
    Part,
    part,
)
from .golang import GoMissing, module_folder, require_go
from .store import PartMissing, binary, cache_folder, missing

__all__ = [
    "CLUSTER_PARTS",
    "ETCD",
    "GRPCURL",
    "KEDA",
    "KUBERNETES",
    "KWOK",
    "PARTS",
    "PROMETHEUS",
    "BuildFailed",
    "Family",
    "GoMissing",
    "Part",
    "PartMissing",
    "binary",
    "build",
    "cache_folder",
    "missing",
    "module_folder",
    "part",
    "require_go",
]
