"""What a first installation needs and nobody should choose by hand: passwords, certificates, MQTT users.

Rules: nothing has a default password; every file is its owner's alone, in a folder that only its owner enters; nothing
that is there is ever written over.
"""

import ipaddress
import json
import os
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from decoders.networks import adapters
from model.errors import BadRequestError, ConfigError
from penfeld.rights import plugin
from penfeld.rights.grants import services

_AUTHORITY_AGE = timedelta(days=3650)
_SERVER_AGE = timedelta(days=825)
_BROKER = "mosquitto"
_DATABASE = "timescaledb"


READERS = {
    "database-url": 10001,
    "ingest-broker-url": 10001,
    "api-broker-url": 10001,
    "alerts-broker-url": 10001,
    "ca.pem": 10001,
    "server.pem": 1883,
    "server-key.pem": 1883,
    "dynamic-security.json": 1883,
    "grafana-password": 472,
    "reader-password": 10001,
    "grafana-reader-password": 472,
}
"""As which user the container runs that reads a file: compose shows it with its owner here. Others are root's."""


def hand_over(folder: Path) -> None:
    """Give each file to the user whose container reads it; raise ``ConfigError`` unless we are root."""
    if os.geteuid() != 0:
        raise ConfigError(["--compose gives files to the containers' users, which root only may: use sudo"])
    for name, user in READERS.items():
        os.chown(folder / name, user, user)


def make(folder: Path, host: str, now: datetime) -> tuple[str, ...]:
    """Write all secrets of a deployment for a host name into a new folder; return the names of the files."""
    if not host or len(host) > 64 or any(not (sign.isalnum() or sign in ".-:") for sign in host):  # noqa: PLR2004 -- X.509's
        raise BadRequestError(f"--host {host!r} is no host name or address: write it as iot.city.example")
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise ConfigError([f"{folder} is there already, and its secrets may be in use: name another folder"]) from None
    except OSError as error:
        raise ConfigError([f"{folder} cannot be made: {error.strerror}"]) from error
    database, reader = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    clients = services(topic for adapter in adapters().values() for topic in adapter.topics)
    passwords = {name: secrets.token_urlsafe(32) for name in (plugin.ADMIN, *(one.name for one in clients.values()))}
    salts = {name: secrets.token_bytes(12) for name in passwords}
    first = plugin.first_file(clients.values(), passwords, salts)
    files = {
        "database-password": database,
        "database-url": f"postgresql://penfeld:{database}@{_DATABASE}:5432/penfeld",
        **{
            f"{service}-broker-url": f"mqtts://{client.name}:{passwords[client.name]}@{_BROKER}:8883"
            for service, client in clients.items()
        },
        "broker-admin-password": passwords[plugin.ADMIN],
        "grafana-password": secrets.token_urlsafe(32),
        "reader-password": reader,  # for Penfeld, which gives it to the role
        "grafana-reader-password": reader,  # for Grafana, which logs in with it
        "dynamic-security.json": json.dumps(first, indent=2) + "\n",
        **certificates(host, now),
    }
    for name, text in files.items():
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
    return tuple(files)


def certificates(host: str, now: datetime) -> Mapping[str, str]:
    """Return an authority of one's own, and a server's certificate by it for the host and for the broker inside."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Penfeld's own authority")])
    root = (
        _certificate(issuer, issuer, root_key.public_key(), now, _AUTHORITY_AGE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    names = x509.SubjectAlternativeName(
        [_name(one) for one in dict.fromkeys((host, _BROKER, "localhost", "127.0.0.1"))]
    )
    server = (
        _certificate(subject, issuer, key.public_key(), now, _SERVER_AGE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(names, critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    return {
        "ca.pem": _pem(root),
        "ca-key.pem": _key(root_key),
        "server.pem": _pem(server),
        "server-key.pem": _key(key),
    }


def expiry(file: Path) -> datetime:
    """Return until when a certificate counts; raise ``ConfigError`` if the file holds none."""
    try:
        return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        raise ConfigError([f"{file} holds no certificate in PEM that can be read: {error}"]) from error


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, age: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + age)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
