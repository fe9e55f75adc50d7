"""A whole Kubernetes control plane with KEDA and fake GPU nodes, on loopback.

    with ControlPlane() as cluster:
        cluster.kubectl("get", "nodes")

It is up in some ten seconds and takes 840 MB. No kubelet runs: pods are played by kwok, so there
are no containers, no logs of pods and no network between them.
"""

import json
import ssl
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import kubernetes.config
from kubernetes.client import CoreV1Api

import parts

from . import commands
from .fetching import fetch
from .kubeconfig import write_kubeconfig
from .manifests import ANNOTATION, KEDA_NAMESPACE, GpuNode, external_metrics_api
from .processes import Program, Programs, wait_until_up
from .settings import FAST, Settings
from .waiting import wait_for

BARE_PARTS = ("etcd", "kube-apiserver", "kubectl")


class ControlPlane:
    """Starts everything on entering, and leaves no process, port or folder when it is left.

    `is_bare`: etcd and the API server alone, with KEDA's resource definitions. Objects are then
    what the test makes of them, status included: there is nobody else. `apiserver_flags` are added
    to those that the API server has anyway.
    """

    def __init__(
        self,
        settings: Settings = FAST,
        *,
        is_bare: bool = False,
        apiserver_flags: Sequence[str] = (),
    ) -> None:
        self.settings = settings
        self.is_bare = is_bare
        self._apiserver_flags = apiserver_flags
        self.programs: dict[str, Program] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for name in BARE_PARTS if self.is_bare else parts.CLUSTER_PARTS:
            parts.binary(name)  # PartMissing says how to build it, before anything starts
        with ExitStack() as stack:
            self.run = stack.enter_context(Programs())
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def api_client(self) -> Any:
        """The client that the official Kubernetes classes take: `CoreV1Api(cluster.api_client)`."""
        return self._api_client

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        """Run kubectl against this control plane and return what it prints."""
        answer = subprocess.run(
            [parts.binary("kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {answer.stderr or answer.stdout}")
        return answer.stdout

    def ask(self, path: str) -> Any:
        """GET a path of the API server and return the answer, decoded from JSON."""
        return json.loads(self.kubectl("get", "--raw", path, "--request-timeout=3s"))

    def keda_metrics(self) -> str:
        """The operator's own metrics, as text."""
        return fetch(f"http://127.0.0.1:{self.ports.keda_metrics}/metrics")

    def add_node(self, node: GpuNode) -> None:
        """Add a fake node and wait until it is Ready and takes pods."""
        core: Any = CoreV1Api(self.api_client)
        core.create_node(node.manifest())

        def is_usable() -> bool:
            found = core.read_node(node.name)
            ready = any(
                c.type == "Ready" and c.status == "True" for c in found.status.conditions or []
            )
            blocked = any(t.key.startswith("node.kubernetes.io/") for t in found.spec.taints or [])
            return ready and not blocked

        wait_for(is_usable, f"node {node.name} is Ready")

    def lose_node(self, name: str) -> None:
        """Let a node stop to report, as one does that lost its power."""
        CoreV1Api(self.api_client).patch_node(
            name, {"metadata": {"annotations": {f"{ANNOTATION}/gone": "true"}}}
        )

    def remove_node(self, name: str) -> None:
        """Delete a node from the API, as a node autoscaler does; its pods go with it."""
        CoreV1Api(self.api_client).delete_node(name)

    def restart(self, name: str) -> None:
        """Kill one program and start it again as it was: 'keda-operator', for instance."""
        self.run.stop(self.programs[name])
        self.start_again(name)

    def start_again(self, name: str) -> None:
        """Start a program that was stopped, as it was."""
        getattr(self, f"_start_{name.replace('-', '_')}")()

    def _start(self, stack: ExitStack) -> None:
        self.ports = commands.Ports.free()
        self.keys = commands.Credentials.made_in(self.run.folder / "keys")
        self.server = f"https://127.0.0.1:{self.ports.apiserver}"
        self.kubeconfig = write_kubeconfig(
            self.run.folder / "kubeconfig",
            server=self.server,
            authority=self.keys.authority,
            client=self.keys.admin,
        )
        self._start_etcd()
        self._start_kube_apiserver()
        load: Callable[[str], Any] = kubernetes.config.new_client_from_config
        self._api_client = load(str(self.kubeconfig))
        stack.callback(self._api_client.close)
        if self.is_bare:
            self._define_keda()
            return
        self._start_kube_controller_manager()
        self._start_kube_scheduler()
        self._start_kwok()
        self._install_keda()
        self._start_keda_operator()
        self._start_keda_adapter()
        wait_for(
            self._serves_external_metrics, "the external metrics API answers", within_seconds=60
        )

    def _start_etcd(self) -> None:
        program = self._launch("etcd", commands.etcd(self.ports, self.run.folder / "etcd"))
        health = f"http://127.0.0.1:{self.ports.etcd}/health"
        wait_until_up(program, lambda: self._answers(health))

    def _start_kube_apiserver(self) -> None:
        command = commands.apiserver(self.ports, self.keys, self.settings)
        command += self._apiserver_flags
        if self.is_bare:  # the controller that makes each namespace's service account isn't there
            command.append("--disable-admission-plugins=ServiceAccount")
        program = self._launch("kube-apiserver", command)
        wait_until_up(program, lambda: self._answers(f"{self.server}/readyz"), within_seconds=60)

    def _start_kube_controller_manager(self) -> None:
        command = commands.controller_manager(self.ports, self.keys, self.kubeconfig, self.settings)
        self._launch("kube-controller-manager", command)

    def _start_kube_scheduler(self) -> None:
        self._launch("kube-scheduler", commands.scheduler(self.ports, self.kubeconfig))

    def _start_kwok(self) -> None:
        self._launch("kwok", commands.kwok(self.ports, self.kubeconfig))

    def _start_keda_operator(self) -> None:
        program = self._launch(
            "keda-operator",
            commands.keda_operator(self.ports, self.keys, self.kubeconfig),
            POD_NAMESPACE=KEDA_NAMESPACE,
            KEDA_CLUSTER_OBJECT_NAMESPACE=KEDA_NAMESPACE,
            WATCH_NAMESPACE="",
        )
        health = f"http://127.0.0.1:{self.ports.keda_health}/readyz"
        wait_until_up(program, lambda: self._answers(health), within_seconds=60)

    def _start_keda_adapter(self) -> None:
        program = self._launch(
            "keda-adapter",
            commands.keda_adapter(self.ports, self.keys, self.kubeconfig),
            POD_NAMESPACE=KEDA_NAMESPACE,
            WATCH_NAMESPACE="",
            # One of its clients takes no flag for this.
            KUBECONFIG=str(self.kubeconfig),
        )
        ready = f"https://127.0.0.1:{self.ports.adapter}/readyz"
        wait_until_up(program, lambda: self._answers(ready), within_seconds=60)

    def _install_keda(self) -> None:
        """Apply KEDA's resource definitions, and the metrics API."""
        self._define_keda()
        self.kubectl("create", "namespace", KEDA_NAMESPACE)
        self.kubectl("apply", "-f", "-", given=external_metrics_api(self.ports.adapter))

    def _define_keda(self) -> None:
        """Apply KEDA's resource definitions, from its module's folder."""
        definitions = parts.module_folder(parts.KEDA) / "config" / "crd" / "bases"
        self.kubectl("apply", "--server-side", "-f", str(definitions))
        served = "/apis/keda.sh/v1alpha1/scaledobjects?limit=1"
        wait_for(lambda: self._answers(f"{self.server}{served}"), "ScaledObjects are served")

    def _serves_external_metrics(self) -> bool:
        for name in ("keda-operator", "keda-adapter"):
            self.programs[name].check_running()
        return self._answers(f"{self.server}/apis/external.metrics.k8s.io/v1beta1")

    def _launch(self, name: str, command: commands.Command, **environment: str) -> Program:
        program = self.run.start(
            name, command, environment=environment, unset=("KUBECONFIG", "HTTPS_PROXY")
        )
        self.programs[name] = program
        return program

    def _answers(self, address: str) -> bool:
        context = ssl.create_default_context(cafile=str(self.keys.authority.certificate))
        context.load_cert_chain(self.keys.admin.certificate, self.keys.admin.key)
        try:
            fetch(address, context=context, within_seconds=2)
        except OSError:
            return False
        return True
