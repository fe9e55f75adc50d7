"""The command line of each program of the control plane, as data."""

from dataclasses import dataclass
from pathlib import Path

import parts

from .certificates import Authority, KeyPair, service_account_keys
from .ports import free_ports
from .settings import Settings

STAGES = Path(__file__).with_name("stages.yaml")
SERVICE_RANGE = "10.0.0.0/24"
LEASE_SECONDS = 40

Command = list[str | Path]


@dataclass(frozen=True)
class Ports:
    """One free port for every listener."""

    etcd: int
    etcd_peer: int
    apiserver: int
    controller_manager: int
    scheduler: int
    kwok: int
    keda_metrics: int
    keda_health: int
    keda_service: int
    adapter: int

    @classmethod
    def free(cls) -> "Ports":
        """Choose them now."""
        return cls(*free_ports(10))


@dataclass(frozen=True)
class Credentials:
    """The keys that the programs show each other."""

    authority: Authority
    serving: KeyPair
    admin: KeyPair
    aggregator: KeyPair
    service_accounts: KeyPair

    @classmethod
    def made_in(cls, folder: Path) -> "Credentials":
        """Make a new authority and everything that it signs."""
        authority = Authority(folder)
        return cls(
            authority=authority,
            # KEDA reads ca.crt, tls.crt and tls.key from one folder: hence this name.
            serving=authority.sign("tls", common_name="prewarm-test", serving=True),
            admin=authority.sign("admin", common_name="admin", organization="system:masters"),
            aggregator=authority.sign("aggregator", common_name="aggregator"),
            service_accounts=service_account_keys(folder),
        )


def etcd(ports: Ports, data: Path) -> Command:
    """Etcd without fsync: nothing here has to survive a power cut."""
    client, peer = (f"http://127.0.0.1:{port}" for port in (ports.etcd, ports.etcd_peer))
    return [
        parts.binary("etcd"),
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver(ports: Ports, keys: Credentials, settings: Settings) -> Command:
    """The API server, with the aggregation layer that KEDA's metrics come through."""
    return [
        parts.binary("kube-apiserver"),
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--secure-port={ports.apiserver}",
        f"--etcd-servers=http://127.0.0.1:{ports.etcd}",
        "--authorization-mode=RBAC",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        f"--client-ca-file={keys.authority.certificate}",
        f"--tls-cert-file={keys.serving.certificate}",
        f"--tls-private-key-file={keys.serving.key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={keys.service_accounts.certificate}",
        f"--service-account-signing-key-file={keys.service_accounts.key}",
        f"--requestheader-client-ca-file={keys.authority.certificate}",
        "--requestheader-allowed-names=aggregator",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={keys.aggregator.certificate}",
        f"--proxy-client-key-file={keys.aggregator.key}",
        f"--default-not-ready-toleration-seconds={settings.eviction_seconds}",
        f"--default-unreachable-toleration-seconds={settings.eviction_seconds}",
    ]


def controller_manager(
    ports: Ports, keys: Credentials, kubeconfig: Path, settings: Settings
) -> Command:
    """The controllers; the HPA is one of them."""
    stabilization = settings.scale_down_stabilization_seconds
    return [
        parts.binary("kube-controller-manager"),
        "--bind-address=127.0.0.1",
        f"--secure-port={ports.controller_manager}",
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
        f"--root-ca-file={keys.authority.certificate}",
        f"--service-account-private-key-file={keys.service_accounts.key}",
        f"--horizontal-pod-autoscaler-sync-period={settings.hpa_sync_seconds}s",
        f"--horizontal-pod-autoscaler-downscale-stabilization={stabilization}s",
        f"--node-monitor-grace-period={settings.node_monitor_grace_seconds}s",
        "--node-monitor-period=1s",
        # Two hundred namespaces and ScaledObjects come and go in one test run.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


def scheduler(ports: Ports, kubeconfig: Path) -> Command:
    """The scheduler, which counts GPUs."""
    return [
        parts.binary("kube-scheduler"),
        "--bind-address=127.0.0.1",
        f"--secure-port={ports.scheduler}",
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
    ]


def kwok(ports: Ports, kubeconfig: Path) -> Command:
    """The stand-in for all kubelets."""
    return [
        parts.binary("kwok"),
        f"--kubeconfig={kubeconfig}",
        "--manage-all-nodes=true",
        f"--node-lease-duration-seconds={LEASE_SECONDS}",
        f"--config={STAGES}",
        f"--server-address=127.0.0.1:{ports.kwok}",
        "--v=WARN",  # it tells of every patch
    ]


def keda_operator(ports: Ports, keys: Credentials, kubeconfig: Path) -> Command:
    """KEDA itself: it polls scalers, makes HPAs and scales from and to zero."""
    return [
        parts.binary("keda-operator"),
        f"--kubeconfig={kubeconfig}",
        f"--cert-dir={keys.authority.folder}",
        f"--metrics-bind-address=127.0.0.1:{ports.keda_metrics}",
        f"--health-probe-bind-address=127.0.0.1:{ports.keda_health}",
        f"--metrics-service-bind-address=127.0.0.1:{ports.keda_service}",
        "--zap-log-level=info",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]


def keda_adapter(ports: Ports, keys: Credentials, kubeconfig: Path) -> Command:
    """KEDA's external metrics API, which the HPA reads."""
    folder = keys.authority.folder
    return [
        parts.binary("keda-adapter"),
        "--bind-address=127.0.0.1",
        f"--secure-port={ports.adapter}",
        # Its own /metrics can't be bound to loopback: port 0 takes one that is free.
        "--port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        f"--lister-kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--cert-dir={folder}",
        f"--tls-cert-file={keys.serving.certificate}",
        f"--tls-private-key-file={keys.serving.key}",
        f"--client-ca-file={keys.authority.certificate}",
        f"--requestheader-client-ca-file={keys.authority.certificate}",
        f"--metrics-service-address=localhost:{ports.keda_service}",
        "--metrics-service-grpc-authority=localhost",
    ]
