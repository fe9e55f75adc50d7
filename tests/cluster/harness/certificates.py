"""A certificate authority for one run, and the certificates that it signs."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_FOR = dt.timedelta(days=1)
_PEM = serialization.Encoding.PEM
_PRIVATE = (
    _PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
)


@dataclass(frozen=True)
class KeyPair:
    """Files of one certificate and its private key."""

    certificate: Path
    key: Path

    @property
    def certificate_text(self) -> str:
        """The certificate as PEM text, as TriggerAuthentication wants it."""
        return self.certificate.read_text()

    @property
    def key_text(self) -> str:
        """The private key as PEM text."""
        return self.key.read_text()


class Authority:
    """A certificate authority that writes what it signs into one folder."""

    def __init__(self, folder: Path, name: str = "prewarm-test-ca") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = (
            _unsigned(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = folder / "ca.crt"
        self.certificate.write_bytes(self._certificate.public_bytes(_PEM))

    @property
    def certificate_text(self) -> str:
        """The authority's own certificate as PEM text."""
        return self.certificate.read_text()

    def sign(
        self, file_name: str, *, common_name: str, organization: str = "", serving: bool = False
    ) -> KeyPair:
        """Write FILE_NAME.crt and FILE_NAME.key.

        A serving certificate holds localhost and 127.0.0.1, and may act as a client too: KEDA's
        adapter and operator show each other the same one.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        if organization:
            names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
        builder = _unsigned(x509.Name(names), self._name, key.public_key()).add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
            ),
            critical=False,
        )
        if serving:
            builder = builder.add_extension(_loopback_names(), critical=False)
        pair = KeyPair(self.folder / f"{file_name}.crt", self.folder / f"{file_name}.key")
        pair.certificate.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(_PEM))
        pair.key.write_bytes(key.private_bytes(*_PRIVATE))
        return pair


def service_account_keys(folder: Path) -> KeyPair:
    """Write the key pair that signs service-account tokens; its `certificate` is a public key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pair = KeyPair(folder / "service-accounts.pub", folder / "service-accounts.key")
    pair.key.write_bytes(key.private_bytes(*_PRIVATE))
    pair.certificate.write_bytes(
        key.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return pair


def _unsigned(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + VALID_FOR)
    )


def _loopback_names() -> x509.SubjectAlternativeName:
    address = ipaddress.ip_address("127.0.0.1")
    return x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(address)])
