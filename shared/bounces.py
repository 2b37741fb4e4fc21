"""Bounces: what a mail server writes back when a letter did not arrive after all, and which letter it was. Pure.

A bounce is a multipart/report of the type delivery-status (RFC 3464 in RFC 6522, before it RFC 3462). Anybody may write
one, so nothing in it is believed but the envelope's number: random, set by ours in the return path and in the
Message-ID of one letter, and known to those alone whom that letter passed.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Literal
from uuid import UUID

from shared.mail import one_line
from shared.refused import Refused

BOUNCE_SIZE_MAX = 1024 * 1024  # bytes: our letters have a few thousand, and servers return them once
RECIPIENTS_MAX = 100
Cause = Literal["address", "full", "policy", "away", "other"]

# Where the return path stands on a bounce that was delivered: RFC 3464, 2 addresses it so, servers note it besides.
_ADDRESSED = ("to", "delivered-to", "x-original-to", "envelope-to")
_RETURN_PATH = re.compile(r"\+([0-9a-f]{32})@", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"\.([0-9a-f]{32})@", re.IGNORECASE)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")  # RFC 3463, 2
_TYPE = re.compile(r"^\s*[A-Za-z0-9-]+\s*;\s*")  # of a diagnostic code: "smtp; …"
_CHARACTERS_MAX = 2000
_PARSERS = (
    MessageError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    RecursionError,
)  # on what a stranger wrote


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a mail server says of one letter."""

    envelope: UUID  # of the letter, as we numbered it
    failed: bool  # for good; a bounce may also say that it takes longer, or that it arrived
    status: str  # RFC 3463, "5.1.1"; "" when it says none
    said: str  # the server's words, one line


def read(content: bytes) -> Bounce:
    """Read a mail that came back. Raises Refused when it is no bounce, or of no letter of ours."""
    if len(content) > BOUNCE_SIZE_MAX:
        raise _not_read("bounce-size", f"{BOUNCE_SIZE_MAX}バイトより大きい", f"larger than {BOUNCE_SIZE_MAX} bytes")
    try:
        return _read(message_from_bytes(content, policy=policy.default))
    except _PARSERS as wrong:
        raise _not_read("bounce-form", "メールの形が正しくない", "not well formed") from wrong


def cause(status: str) -> Cause:
    """Tell what to do something about, by the status of a bounce (RFC 3463, 3.2 to 3.8; 5.1.10 is RFC 7505's)."""
    match status.split(".")[1:]:
        case ["1", "7" | "8"]:  # the sender's address: ours
            return "policy"
        case ["1", _] | ["2", "0" | "1"]:
            return "address"
        case ["2", "2"]:
            return "full"
        case ["3" | "4", _]:
            return "away"
        case ["7", _]:
            return "policy"
    return "other"


def _read(mail: Message) -> Bounce:
    if mail.get_content_type() != "multipart/report":
        raise _not_read("no-bounce", "配送の報告（RFC 3464）ではない", "no delivery status notification (RFC 3464)")
    parts = _parts(mail)
    report = next((part for part in parts if part.get_content_type() == "message/delivery-status"), None)
    if report is None:
        raise _not_read("no-bounce", "配送の報告（RFC 3464）がない", "it has no delivery status (RFC 3464)")
    numbers = {UUID(number) for number in _numbers(mail, parts)}
    if len(numbers) != 1:
        raise _not_read(
            "bounce-of-nothing",
            "めぐるの手紙の番号がない、または複数ある",
            "it names no letter of ours, or several",
        )
    fields = [dict(_fields(block)) for block in _parts(report)[:RECIPIENTS_MAX]]  # the parser cuts it at empty lines
    recipients = [one for one in fields if "action" in one]
    if not recipients:
        raise _not_read("no-bounce", "宛先ごとの結果がない", "it tells of no recipient")
    worst = next((one for one in recipients if _failed(one)), recipients[0])
    said = _TYPE.sub("", worst.get("diagnostic-code", ""))
    return Bounce(numbers.pop(), _failed(worst), _status(worst.get("status", ""), said), one_line(said))


def _failed(recipient: dict[str, str]) -> bool:
    return recipient["action"].strip().lower().startswith("failed")  # RFC 3464, 2.3.3; a comment may follow


def _status(told: str, said: str) -> str:
    """Return the finer of the two: Exim says 5.0.0 and has the server's own status in its words."""
    found = [match[1] for text in (told, said) if (match := _STATUS.search(text))]
    return next((one for one in found if not one.endswith(".0.0")), found[0] if found else "")


def _numbers(mail: Message, parts: Iterable[Message]) -> Iterator[str]:
    for name, value in _fields(mail):
        if name in _ADDRESSED:
            yield from _RETURN_PATH.findall(value)
    for part in parts:
        for name, value in _fields(_returned(part)):
            if name == "message-id":
                yield from _MESSAGE_ID.findall(value)


def _returned(part: Message) -> Message:
    """Return the head of the letter that a part brings back (RFC 6522, 3); an empty one when it brings none."""
    if part.get_content_type() == "message/rfc822" and (inside := _parts(part)):
        return inside[0]
    if part.get_content_type() == "text/rfc822-headers" and isinstance(head := part.get_payload(decode=True), bytes):
        return BytesHeaderParser(policy=policy.default).parsebytes(head)
    return Message()


def _parts(mail: Message) -> list[Message]:
    payload = mail.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def _fields(mail: Message) -> Iterator[tuple[str, str]]:
    """Give the fields as they were written, so that no reader of addresses stumbles over a stranger's."""
    for name, value in mail.raw_items():
        yield name.lower(), str(value)[:_CHARACTERS_MAX].encode("utf-8", "replace").decode()


def _not_read(code: str, ja: str, en: str) -> Refused:
    return Refused(
        code,
        f"返ってきたメールとして読めません（{ja}）。人が読んで、宛先の方に別の方法で伝えてください。",
        f"Not read as a bounce: {en}. Read it yourself, and tell the person in another way.",
    )


__all__ = ["BOUNCE_SIZE_MAX", "Bounce", "Cause", "cause", "read"]
