"""Rows about TLS: KEDA's settings come from a TriggerAuthentication, ours from files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import (
    Authority,
    ControlPlane,
    KeyPair,
    Namespace,
    Prewarm,
    deployment,
    scaled_object,
    secret,
    trigger,
    trigger_authentication,
    wait_for,
)
from harness.conformance import NAME, Subject
from harness.demand import Demand

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("scaler-keys"), "scaler-ca")


@pytest.fixture(scope="module")
def serving(authority: Authority) -> KeyPair:
    return authority.sign("serving", common_name="prewarm", serving=True)


@pytest.fixture(scope="module")
def client(authority: Authority) -> KeyPair:
    return authority.sign("client", common_name="keda-operator")


def flags(serving: KeyPair, client_authority: Path | None = None) -> list[str]:
    found = [f"--tls-certificate-file={serving.certificate}", f"--tls-key-file={serving.key}"]
    return [*found, f"--client-ca-file={client_authority}"] if client_authority else found


@pytest.fixture(scope="module")
def tls_prewarm(cluster: ControlPlane, demand: Demand, serving: KeyPair) -> Iterator[Prewarm]:
    with Prewarm(cluster.run, demand.address, flags=flags(serving), name="prewarm-tls") as running:
        yield running


@pytest.fixture(scope="module")
def mtls_prewarm(
    cluster: ControlPlane, demand: Demand, serving: KeyPair, authority: Authority
) -> Iterator[Prewarm]:
    both = flags(serving, authority.certificate)
    with Prewarm(cluster.run, demand.address, flags=both, name="prewarm-mtls") as running:
        yield running


def deploy(
    space: Namespace,
    prewarm: Prewarm,
    demand: Demand,
    credentials: dict[str, str],
    **changes: str,
) -> None:
    """A ScaledObject for two replicas, with `credentials` through a TriggerAuthentication."""
    demand.set(space.name, 2)
    space.create(deployment(NAME))
    subject = Subject(address=prewarm.address, demand=demand)
    metadata = subject.metadata(space.name, **changes)
    if credentials:
        space.create(secret("scaler-tls", credentials))
        space.create(trigger_authentication("scaler-tls", "scaler-tls", list(credentials)))
    one = trigger(prewarm.address, metadata, authentication="scaler-tls" if credentials else "")
    space.create(scaled_object(NAME, [one]))


def test_row_32_the_authority_in_a_trigger_authentication_turns_tls_on(
    space: Namespace, tls_prewarm: Prewarm, demand: Demand, authority: Authority
) -> None:
    deploy(space, tls_prewarm, demand, {"caCert": authority.certificate_text})
    space.wait_for_replicas(NAME, 2)


def test_row_32_a_private_authority_is_refused_unless_it_is_given_or_unchecked(
    space: Namespace, tls_prewarm: Prewarm, demand: Demand, cluster: ControlPlane
) -> None:
    deploy(space, tls_prewarm, demand, {}, enableTLS="true")
    wait_for(
        lambda: "certificate signed by unknown authority" in keda_log(cluster, space.name),
        "KEDA says that it does not know the authority",
    )
    assert space.autoscaler(NAME) is None
    unchecked = Subject(address=tls_prewarm.address, demand=demand).trigger(
        space.name, enableTLS="true", unsafeSsl="true"
    )
    space.patch_scaled_object(NAME, {"spec": {"triggers": [unchecked]}})
    space.wait_for_replicas(NAME, 2)


def test_row_32_a_rotated_certificate_of_a_new_authority_is_taken_up_without_a_restart(
    space: Namespace, cluster: ControlPlane, demand: Demand, tmp_path: Path
) -> None:
    pair = Authority(tmp_path / "old").sign("serving", common_name="prewarm", serving=True)
    with Prewarm(cluster.run, demand.address, flags=flags(pair), name="prewarm-rotated") as rotated:
        newer = Authority(tmp_path / "new", "new-ca")
        fresh = newer.sign("serving", common_name="prewarm", serving=True)
        pair.certificate.write_text(fresh.certificate_text)
        pair.key.write_text(fresh.key_text)
        deploy(space, rotated, demand, {"caCert": newer.certificate_text})
        space.wait_for_replicas(NAME, 2)


def test_row_33_mutual_tls_serves_a_client_with_a_certificate(
    space: Namespace,
    mtls_prewarm: Prewarm,
    demand: Demand,
    authority: Authority,
    client: KeyPair,
) -> None:
    credentials = {
        "caCert": authority.certificate_text,
        "tlsClientCert": client.certificate_text,
        "tlsClientKey": client.key_text,
    }
    deploy(space, mtls_prewarm, demand, credentials)
    space.wait_for_replicas(NAME, 2)


def test_row_33_mutual_tls_refuses_a_client_without_one(
    space: Namespace,
    mtls_prewarm: Prewarm,
    demand: Demand,
    authority: Authority,
    cluster: ControlPlane,
) -> None:
    deploy(space, mtls_prewarm, demand, {"caCert": authority.certificate_text})
    wait_for(lambda: "Unavailable" in keda_log(cluster, space.name), "KEDA's calls are refused")
    space.wait_for_event(NAME, "no metric specs returned")
    assert space.autoscaler(NAME) is None


def test_row_34_tls_towards_a_plain_port_is_named_as_that(
    space: Namespace, prewarm: Prewarm, demand: Demand, cluster: ControlPlane
) -> None:
    deploy(space, prewarm, demand, {}, enableTLS="true", unsafeSsl="true")
    wait_for(
        lambda: "first record does not look like a TLS handshake" in keda_log(cluster, space.name),
        "KEDA names the cause",
    )
    assert space.autoscaler(NAME) is None


def test_row_34_a_plain_call_to_a_tls_port_is_refused_and_others_are_still_served(
    space: Namespace, tls_prewarm: Prewarm, demand: Demand, cluster: ControlPlane
) -> None:
    deploy(space, tls_prewarm, demand, {})
    wait_for(
        lambda: "error reading server preface" in keda_log(cluster, space.name),
        "KEDA names the cause",
    )
    assert tls_prewarm.program.is_running


def keda_log(cluster: ControlPlane, namespace: str) -> str:
    """The lines of the operator's log that are about one namespace."""
    lines = cluster.programs["keda-operator"].log.read_text().splitlines()
    return "\n".join(line for line in lines if f'"{namespace}"' in line)
