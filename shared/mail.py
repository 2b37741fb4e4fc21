"""Mail: a message as it is written, and the one exchange with the town's or the operator's mail server that sends it.

The standard library's `smtplib` in a thread: letters are few and go one after the other, so an asynchronous client
would be one library more for nothing. TLS is asked for and verified unless the server is on this machine's own network
by choice (`MEGURU_SMTP_TLS=none`), and then no password is sent. RFC 5321 (SMTP), 3207 (STARTTLS), 8314 (TLS from the
start), 5322 (the message), 3834 (a message no program should answer).
"""

import asyncio
import re
import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as MAIL_POLICY
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import SecretStr

if TYPE_CHECKING:
    from shared.settings import Settings

EMAIL_LENGTH_MAX = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
RETURN_LOCAL_LENGTH_MAX = 31  # with "+" and an envelope the 64 of a local part (RFC 5321, 4.5.3.1.1)
EMAIL_EXAMPLE = "tanaro@town.example.jp"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# The addresses of RFC 5321 that people have: no quoted local part, no bare number as host, ASCII alone.
EMAIL = re.compile(
    rf"^[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@{_LABEL}(?:\.{_LABEL})+$", re.ASCII
)
STEP_S = 30.0  # the longest wait for one answer of the server
HEADER_LENGTH_MAX = 200
_UNPRINTED = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_OK, _REFUSED = 250, 500

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, slots=True)
class Message:
    """A plain text to one person. `reference` is its own for ever: a server may know a second copy by it.

    `envelope` is random and the letter's own: who names it in a bounce has seen the letter (`shared.bounces`).
    """

    reference: str
    envelope: str  # 32 digits in hex
    to: str
    name: str
    subject: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server took the message over."""

    said: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The server refused the addressee or the message for good (5xx)."""

    said: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """The message surely did not go; later it may: the server is away or busy (4xx), or our own settings are wrong."""

    said: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """The message was handed over and no answer came: it may have gone, and must not be sent again."""

    said: str


Outcome = Accepted | Rejected | Postponed | Unclear


@dataclass(frozen=True, slots=True)
class Postman:
    """Brings messages to one mail server."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: SecretStr | None = None
    authorities: Path | None = None  # certificates to trust beside the machine's, for a server of the town's own
    returns: str = ""  # where bounces go; a server that knows sub-addresses (RFC 5233) delivers returns+envelope there

    @classmethod
    def of(cls, known: "Settings") -> "Postman | None":
        """Return the postman the settings describe, None where no mail server is named.

        Raises ValueError for settings under which a password would go in the clear, or with no address to send from.
        """
        if not known.smtp_host:
            return None
        if known.smtp_tls == "none" and known.smtp_user:
            raise ValueError(
                "MEGURU_SMTP_USER needs MEGURU_SMTP_TLS=starttls or tls: a password never goes in the clear"
            )
        if not EMAIL.fullmatch(known.mail_from):
            raise ValueError("MEGURU_MAIL_FROM must be the address that letters are sent from")
        local = known.mail_return.partition("@")[0]
        if known.mail_return and not (EMAIL.fullmatch(known.mail_return) and len(local) <= RETURN_LOCAL_LENGTH_MAX):
            raise ValueError(
                "MEGURU_MAIL_RETURN must be empty or the address that bounces go to, "
                f"with at most {RETURN_LOCAL_LENGTH_MAX} characters before the @"
            )
        return cls(
            known.smtp_host,
            known.smtp_port,
            known.smtp_tls,
            known.mail_from,
            known.smtp_user,
            known.smtp_password,
            Path(known.smtp_authorities) if known.smtp_authorities else None,
            known.mail_return,
        )

    def return_path(self, message: Message) -> str:
        """Return whom the server is to tell when the message does not arrive (RFC 5321, 4.4: the return path)."""
        local, _, domain = self.returns.partition("@")
        return f"{local}+{message.envelope}@{domain}" if self.returns else self.sender

    def written(self, message: Message) -> EmailMessage:
        """Return the message as RFC 5322 wants it. What breaks a line in a name or a subject becomes a space."""
        domain = self.sender.rpartition("@")[2]
        mail = EmailMessage(MAIL_POLICY)
        mail["From"] = Address(display_name="めぐる", addr_spec=self.sender)
        mail["To"] = Address(display_name=one_line(message.name), addr_spec=message.to)
        mail["Subject"] = one_line(message.subject)
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = f"<{message.reference}.{message.envelope}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text, cte="base64")
        return mail

    async def deliver(self, message: Message) -> Outcome:
        """Hand a message to the server. Raises nothing of the server's: the outcome says it."""
        return await asyncio.to_thread(self._deliver, message)

    def _deliver(self, message: Message) -> Outcome:
        content = self.written(message).as_bytes()
        try:
            server = self._connect()
        except (OSError, smtplib.SMTPException) as away:
            return Postponed(_said(away))
        try:
            return self._exchange(server, self.return_path(message), message.to, content)
        finally:
            server.close()

    def _connect(self) -> smtplib.SMTP:
        """Connect, agree on TLS, sign in. Raises OSError (TLS included), SMTPException."""
        name = self.sender.rpartition("@")[2]
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, name, timeout=STEP_S, context=self._trust())
        else:
            server = smtplib.SMTP(self.host, self.port, name, timeout=STEP_S)
        try:
            if self.security == "starttls":
                server.starttls(context=self._trust())  # a server without it is refused: SMTPNotSupportedError
            server.ehlo_or_helo_if_needed()
            if self.user and self.password:
                server.login(self.user, self.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self.authorities:
            context.load_verify_locations(self.authorities)
        return context

    def _exchange(self, server: smtplib.SMTP, back: str, to: str, content: bytes) -> Outcome:
        try:
            code, answer = server.mail(back)
            if code != _OK:
                return Postponed(_answer("MAIL FROM", code, answer))  # our own address: for settings to mend
            code, answer = server.rcpt(to)
        except (OSError, smtplib.SMTPException) as away:
            return Postponed(_said(away))
        if code // 100 != _OK // 100:
            return _refusal(code, _answer("RCPT TO", code, answer))
        try:
            code, answer = server.data(content)  # from here on it may have gone whatever we hear, or do not hear
        except smtplib.SMTPDataError as refused:  # the answer to DATA itself: nothing was handed over
            error = refused.smtp_error
            answer = error if isinstance(error, bytes) else error.encode()
            return _refusal(refused.smtp_code, _answer("DATA", refused.smtp_code, answer))
        except (OSError, smtplib.SMTPException) as lost:
            return Unclear(_said(lost))
        told = _answer("DATA", code, answer)
        return Accepted(told) if code == _OK else _refusal(code, told)


def _refusal(code: int, said: str) -> Outcome:
    return Rejected(said) if code >= _REFUSED else Postponed(said)


def one_line(text: str) -> str:
    """Return a text fit for a header: one line, nothing unprinted, at most HEADER_LENGTH_MAX characters."""
    return _UNPRINTED.sub(" ", text).strip()[:HEADER_LENGTH_MAX]


def _answer(step: str, code: int, answer: bytes) -> str:
    return one_line(f"{step}: {code} {answer.decode('utf-8', 'replace')}")


def _said(failure: Exception) -> str:
    return one_line(f"{type(failure).__name__}: {failure}")
