"""A real Kubernetes control plane, real KEDA and fake GPU nodes, for tests and for a person.

with ControlPlane() as cluster:
    cluster.add_node(GpuNode(name="gpu-1"))
    space = Namespace(cluster)
    space.create(deployment("model", start=ColdStart(image_pull_seconds=3, load_seconds=10)))
    space.create(scaled_object("model", [trigger("localhost:9090")]))
    space.wait_for_ready("model", 5)
"""

from .certificates import Authority, KeyPair
from .control_plane import ControlPlane
from .manifests import (
    ANNOTATION,
    ColdStart,
    GpuNode,
    deployment,
    scaled_object,
    secret,
    trigger,
    trigger_authentication,
)
from .namespace import Namespace
from .ports import free_ports, is_listening
from .prewarm import Prewarm
from .processes import Program, ProgramFailed, Programs, wait_until_up
from .settings import FAST, REAL, Settings
from .waiting import NotInTime, stays, wait_for

__all__ = [
    "ANNOTATION",
    "FAST",
    "REAL",
    "Authority",
    "ColdStart",
    "ControlPlane",
    "GpuNode",
    "KeyPair",
    "Namespace",
    "NotInTime",
    "Prewarm",
    "Program",
    "ProgramFailed",
    "Programs",
    "Settings",
    "deployment",
    "free_ports",
    "is_listening",
    "scaled_object",
    "secret",
    "stays",
    "trigger",
    "trigger_authentication",
    "wait_for",
    "wait_until_up",
]
