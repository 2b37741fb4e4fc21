"""A real mail server on loopback for tests: it takes, refuses, is busy, or goes away in the middle."""

import os
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "meguru", "geheim"
HOST = "127.0.0.1"


@dataclass(slots=True)
class Office:
    """What came in, and what the server says: an answer to RCPT and to DATA, or nothing at all."""

    port: int = 0
    rcpt: str = ""
    data: str = ""
    vanish: bool = False  # after the message was handed over, before the answer
    victim: int = 0  # a process that is killed at that moment
    taken: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str], bool]] = field(default_factory=list)

    @property
    def mails(self) -> list[EmailMessage]:
        """The messages as a mail program reads them."""
        return [message_from_bytes(one, policy=policy.default) for one in self.taken]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Answer to an addressee."""
        if self.rcpt:
            return self.rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take a message, or what is said instead."""
        if self.data:
            return self.data
        content = envelope.content
        assert isinstance(content, bytes)
        self.taken.append(content)
        assert server.transport is not None
        ciphered = server.transport.get_extra_info("ssl_object") is not None
        self.envelopes.append((str(envelope.mail_from), list(envelope.rcpt_tos), ciphered))
        if self.victim:
            os.kill(self.victim, signal.SIGKILL)
        if self.vanish:
            server.transport.abort()  # type: ignore[attr-defined]  # a socket's transport has it
        return "250 taken"


def _checked(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
    right = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@contextmanager
def office(security: str = "none", *, folder: Path | None = None, sign_in: bool = False) -> Iterator[Office]:
    """Open a mail server; for TLS its certificate is made in `folder`."""
    made = Office()
    options: dict[str, Any] = {"hostname": HOST, "port": 0, "ready_timeout": 20.0}
    if sign_in:
        options |= {"authenticator": _checked, "auth_required": True, "auth_require_tls": security == "starttls"}
    if security != "none":
        assert folder is not None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate(folder))
        options["ssl_context" if security == "tls" else "tls_context"] = context
        if security == "starttls":
            options["require_starttls"] = True
    controller = Anywhere(made, **options)
    controller.start()
    try:
        made.port = controller.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # it is started
        yield made
    finally:
        controller.stop()


class Anywhere(Controller):
    """A server on whichever port is free: the one it got is asked for when it looks whether it is up."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # it is started
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd's own


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a server's certificate that nobody trusts until told to; return it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "mail.pem", folder / "mail.key"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private
