"""Certificates for the proxy's TLS port: a CA, a valid certificate and an expired one."""

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

AUTHORITY = "ca.crt"  # the CA that clients have to trust: SSL_CERT_FILE
DAY = datetime.timedelta(days=1)


def contexts(folder: Path, host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return two TLS contexts for a server at `host`: a valid one, and one whose certificate expired yesterday.

    The CA certificate, both certificates and their key are written to `folder`, readable by its owner only.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    root = _certificate("chaos.faulty_llm", key, now - 30 * DAY, now + 30 * DAY)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), _named(host)])
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / AUTHORITY).write_bytes(root.public_bytes(serialization.Encoding.PEM))
    made = []
    for file, end in (("valid.pem", now + 7 * DAY), ("expired.pem", now - DAY)):
        leaf = _certificate(host, key, now - 8 * DAY, end, names)
        (folder / file).write_bytes(secret + leaf.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / file)
        made.append(context)
    return made[0], made[1]


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    start: datetime.datetime,
    end: datetime.datetime,
    names: x509.SubjectAlternativeName | None = None,
) -> x509.Certificate:
    """Return a certificate signed with the same key: a server's for `names`, or the CA's own without any."""
    subject, issuer = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, "chaos.faulty_llm")
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=names is None, path_length=None), critical=True)
    )
    return (builder.add_extension(names, critical=False) if names else builder).sign(key, hashes.SHA256())


def _named(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
