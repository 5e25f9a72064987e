"""Certificates for the daemon to serve.

SPDX-License-Identifier: BSD-2-Clause
"""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER


class Cert:
    """A certificate signed by issuer, or by itself."""

    def __init__(self, name="127.0.0.1", kind="ecdsa", issuer=None,
                 days=30, ca=False):
        self.name = name
        if kind == "rsa":
            self.key = rsa.generate_private_key(65537, 2048)
        else:
            self.key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.utcnow()
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer.cert.subject if issuer else subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([self._san()]),
                           critical=False)
            .add_extension(x509.BasicConstraints(ca, None), critical=True))
        self.issuer = issuer
        self.cert = builder.sign(
            issuer.key if issuer else self.key, hashes.SHA256())

    def _san(self):
        try:
            return x509.IPAddress(ipaddress.ip_address(self.name))
        except ValueError:
            return x509.DNSName(self.name)

    @property
    def der(self):
        return self.cert.public_bytes(DER)

    def pem(self):
        """The certificate and its issuers, as a cert_file holds them."""
        text = self.cert.public_bytes(PEM)
        if self.issuer is not None and self.issuer.issuer is not None:
            text += self.issuer.pem()
        return text

    def key_pem(self, form=serialization.PrivateFormat.PKCS8):
        return self.key.private_bytes(
            PEM, form, serialization.NoEncryption())


def chain(kind="ecdsa", name="127.0.0.1"):
    """A leaf below an intermediate below a root."""
    root = Cert("test root", kind, ca=True)
    middle = Cert("test intermediate", kind, root, ca=True)
    return Cert(name, kind, middle)


def install(server, cert, stem="tls"):
    """Write both files; returns the tls section that names them."""
    return {"cert_file": server.write(stem + ".crt", cert.pem()),
            "key_file": server.write(stem + ".key", cert.key_pem())}
