"""THE TABLE: which field of a certificate must equal which field of the entry it cites.

A signature shows who said something; the entry shows what was recorded when it happened. What stands here is *proved*;
what a certificate says beyond it (names, places, models) is only *signed*.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from verifier.verdict import Difference

ABSENT = "（記載なし / absent）"


@dataclass(frozen=True, slots=True)
class Field:
    """One line of the table: the certificate's field, the entry's field, what people call it, how values compare."""

    certificate: str
    entry: str
    ja: str
    en: str
    read: Callable[[Any], Any] = str


def instant(value: Any) -> datetime:
    """Read a moment, so that 09:00+09:00 equals 00:00Z. Raises ValueError for one without zone."""
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("a moment has a zone")
    return found


def photos(value: Any) -> Any:
    """Read the evidence photos: hash, role and time of each, in order."""
    return [
        (photo["sha256"], photo["role"], instant(photo["taken_at"]) if "taken_at" in photo else None) for photo in value
    ]


def steps(value: Any) -> Any:
    """Read the steps of custody: name and moment of each, in order."""
    return [(step["step"], instant(step["occurred_at"])) for step in value]


def words(value: Any) -> list[str]:
    """Read a list of texts."""
    return [str(one) for one in value]


CITED = {
    "destruction": "erasure.medium-destroyed.v1",
    "erasure": "erasure.medium-erased.v1",
    "tracking": "tracking.custody-closed.v1",
}
SUBJECT = {"destruction": "medium", "erasure": "medium", "tracking": "item"}  # what credentialSubject.id names
TYPES = {
    "destruction": "DestructionCertificate",
    "erasure": "ErasureCertificate",
    "tracking": "TrackingCertificate",
}
NEEDED = {  # what a certificate of a kind must say at least
    "destruction": ("medium", "photos"),
    "erasure": ("medium", "report"),
    "tracking": ("steps",),
}

FIELDS: dict[str, tuple[Field, ...]] = {
    "erasure.medium-destroyed.v1": (
        Field("medium", "data.medium", "記憶媒体の番号", "medium"),
        Field("item", "data.item", "機器の番号", "item"),
        Field("label", "data.label", "追跡ID", "tracking ID"),
        Field("serial", "data.serial", "製造番号", "serial"),
        Field("method", "data.method", "方法", "method"),
        Field("technique", "data.technique", "手法", "technique"),
        Field("tool", "data.machine", "道具", "tool"),
        Field("treated_at", "occurredAt", "粉砕した日時", "time of destruction", instant),
    ),
    "erasure.medium-erased.v1": (
        Field("medium", "data.medium", "記憶媒体の番号", "medium"),
        Field("item", "data.item", "機器の番号", "item"),
        Field("label", "data.label", "追跡ID", "tracking ID"),
        Field("serial", "data.serial", "製造番号", "serial"),
        Field("method", "data.achieved", "達した水準", "level achieved"),
        Field("technique", "data.technique", "手法", "technique"),
        Field("tool", "data.evidence.tool", "道具", "tool"),
        Field("report.sha256", "data.evidence.sha256", "報告書の指紋", "report's hash"),
        Field("treated_at", "occurredAt", "消去した日時", "time of erasure", instant),
    ),
    "tracking.custody-closed.v1": (
        Field("item", "data.item", "機器の番号", "item"),
        Field("label", "data.label", "追跡ID", "tracking ID"),
        Field("certificates", "data.certificates", "証明書", "certificates", words),
        Field("steps", "data.steps", "段階と日時", "steps and times", steps),
    ),
}
PHOTOS = Field("photos", "data.photos", "証拠写真", "evidence photos", photos)
LOG = (
    Field("index", "index", "台帳の番号", "log index", int),
    Field("size", "size", "台帳の件数", "log size", int),
    Field("root", "root", "台帳の根", "log root"),
)


def compare(field: Field, certificate: Any, entry: Any) -> list[Difference]:
    """Compare one field; lists are compared element by element, so that only what differs is named."""
    said, proved = _at(certificate, field.certificate), _at(entry, field.entry)
    ours, theirs = _value(field, said), _value(field, proved)
    if ours == theirs:
        return []
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            Difference(f"{field.ja} {n + 1}", f"{field.en} {n + 1}", _show(said[n]), _show(proved[n]))
            for n in range(len(ours))
            if ours[n] != theirs[n]
        ]
    return [Difference(field.ja, field.en, _show(said), _show(proved))]


def proved(entry: Any) -> tuple[tuple[str, str, str], ...]:
    """Return what the entry itself says of every field of the table, for the reader to hold against the page."""
    return tuple((field.ja, field.en, _show(_at(entry, field.entry))) for field in FIELDS[entry["kind"]])


def differing(was: Any, now: Any, path: str = "") -> list[Difference]:
    """Name every place where two JSON values differ: `was` is signed, `now` is what the file shows."""
    if isinstance(was, dict) and isinstance(now, dict):
        return [
            found
            for key in sorted(was.keys() | now.keys())
            for found in differing(was.get(key), now.get(key), f"{path}.{key}" if path else key)
        ]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return [
            found for n, pair in enumerate(zip(was, now, strict=True)) for found in differing(*pair, f"{path}[{n}]")
        ]
    return [] if was == now else [Difference(path, path, _show(now), _show(was))]


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _value(field: Field, value: Any) -> Any:
    if value is None:
        return None
    try:
        return field.read(value)
    except (ValueError, TypeError, KeyError, AttributeError):
        return ("unreadable", repr(value))  # differs from every readable value


def _show(value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, dict):
        return " ".join(str(inner) for inner in value.values())
    return "、".join(map(_show, value)) if isinstance(value, list) else str(value)
