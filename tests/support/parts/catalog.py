"""Which real programs the tests use, and how each is built from its published Go module.

A *family* is a folder beside this file with a go.mod and a go.sum that pin it; the families
are apart because their dependencies conflict. A *part* is one program of a family.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Family:
    """One Go module with the programs that are built from it."""

    name: str
    module: str
    tags: str = ""
    version_variable: str = ""  # a Go variable that the linker sets to the version

    @property
    def folder(self) -> Path:
        """The folder that holds this family's go.mod and go.sum."""
        return FOLDER / self.name

    @cached_property
    def version(self) -> str:
        """The pinned version, read from go.mod so that it is written down once."""
        text = (self.folder / "go.mod").read_text()
        found = re.search(rf"^(?:require|)\s*{re.escape(self.module)} (v\S+)", text, re.MULTILINE)
        if found is None:
            raise ValueError(f"{self.folder / 'go.mod'} does not require {self.module}")
        return found.group(1)

    @property
    def linker_flags(self) -> str:
        """Flags for `go build -ldflags`: no symbol tables, and the version where one is asked."""
        strip = "-s -w"
        if not self.version_variable:
            return strip
        return f"{strip} -X {self.version_variable}={self.version}"

    @cached_property
    def key(self) -> str:
        """A folder name that changes when anything changes that the programs are built from."""
        digest = hashlib.sha256()
        for name in ("go.mod", "go.sum"):
            digest.update((self.folder / name).read_bytes())
        digest.update(f"{self.tags}\n{self.linker_flags}".encode())
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"


@dataclass(frozen=True)
class Part:
    """One program: its name, its family, its Go package and how long a first build takes."""

    name: str
    family: Family
    package: str
    cold_build_seconds: int  # on two cores with an empty build cache, built in this file's order


PROMETHEUS = Family(
    "prometheus",
    "github.com/prometheus/prometheus",
    tags="remove_all_sd",  # static targets stay; the cloud clients would double the build
)
GRPCURL = Family("grpcurl", "github.com/fullstorydev/grpcurl")
ETCD = Family("etcd", "go.etcd.io/etcd/server/v3")
KUBERNETES = Family(
    "kubernetes",
    "k8s.io/kubernetes",
    version_variable="k8s.io/component-base/version.gitVersion",
)
KWOK = Family("kwok", "sigs.k8s.io/kwok")
KEDA = Family(
    "keda",
    "github.com/kedacore/keda/v2",
    version_variable="github.com/kedacore/keda/v2/version.Version",
)

_PARTS = (
    Part("prometheus", PROMETHEUS, "cmd/prometheus", 78),
    Part("promtool", PROMETHEUS, "cmd/promtool", 38),
    Part("grpcurl", GRPCURL, "cmd/grpcurl", 20),
    Part("etcd", ETCD, "", 28),
    Part("kube-apiserver", KUBERNETES, "cmd/kube-apiserver", 303),
    Part("kube-controller-manager", KUBERNETES, "cmd/kube-controller-manager", 107),
    Part("kube-scheduler", KUBERNETES, "cmd/kube-scheduler", 11),
    Part("kubectl", KUBERNETES, "cmd/kubectl", 25),
    Part("kwok", KWOK, "cmd/kwok", 87),
    Part("keda-operator", KEDA, "cmd/operator", 372),
    Part("keda-adapter", KEDA, "cmd/adapter", 56),
)
PARTS: dict[str, Part] = {part.name: part for part in _PARTS}

# What a test that runs a whole control plane needs.
CLUSTER_PARTS: tuple[str, ...] = tuple(
    part.name for part in _PARTS if part.family in (ETCD, KUBERNETES, KWOK, KEDA)
)


def part(name: str) -> Part:
    """Return the part called `name`; KeyError names the known ones."""
    try:
        return PARTS[name]
    except KeyError:
        raise KeyError(f"no part is called {name!r}; known: {', '.join(PARTS)}") from None
