"""THE TABLE: which field of a certificate must equal which field of the entry it cites.

A signature shows who said something; the entry shows what was recorded when it happened. What stands here is *proved*;
what a certificate says beyond it (names, places, models) is only *signed*.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime
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
    later: bool = False  # papers of before do not say it: compared where the certificate does


def instant(value: Any) -> datetime:
    """Read a moment, so that 09:00+09:00 equals 00:00Z. Raises ValueError for one without zone or at time's ends."""
    found = datetime.fromisoformat(value)
    if found.tzinfo is None or found.year in (MINYEAR, MAXYEAR):  # a step past either end cannot be counted
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
    "lot": "certificates.lot-requested.v1",
}
SUBJECT = {
    "destruction": "medium",
    "erasure": "medium",
    "tracking": "item",
    "lot": "engagement",
}  # what credentialSubject.id names
TYPES = {
    "destruction": "DestructionCertificate",
    "erasure": "ErasureCertificate",
    "tracking": "TrackingCertificate",
    "lot": "LotCertificate",
}
NEEDED = {  # what a certificate of a kind must say at least
    "destruction": ("item", "medium", "photos"),
    "erasure": ("item", "medium", "report"),
    "tracking": ("item", "steps"),
    "lot": ("engagement", "lines", "list_sha256"),
}
LINE = ("label", "kind", "number", "issued_at", "pdf_sha256", "json_sha256")  # what a lot says of each certificate

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
        Field(
            "report.started_at",
            "data.started_at",
            "道具の記録した開始",
            "start, as the tool recorded it",
            instant,
            later=True,
        ),
        Field(
            "report.finished_at",
            "data.finished_at",
            "道具の記録した終了",
            "end, as the tool recorded it",
            instant,
            later=True,
        ),
        Field("report.started_said", "data.started_said", "開始（時間帯なし）", "start, no zone", later=True),
        Field("report.finished_said", "data.finished_said", "終了（時間帯なし）", "end, no zone", later=True),
    ),
    "tracking.custody-closed.v1": (
        Field("item", "data.item", "機器の番号", "item"),
        Field("label", "data.label", "追跡ID", "tracking ID"),
        Field("certificates", "data.certificates", "証明書", "certificates", words),
        Field("steps", "data.steps", "段階と日時", "steps and times", steps),
    ),
    "certificates.lot-requested.v1": (
        Field("engagement", "data.engagement", "契約の番号", "engagement"),
        Field("number", "data.number", "証明書番号", "number"),
        Field("list_sha256", "data.list_sha256", "一覧の指紋", "hash of the list"),
        Field("as_of", "recordedAt", "一覧の時点", "as of", instant),
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
    if ours == theirs or (field.later and ours is None):
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
    told = [(field, _at(entry, field.entry)) for field in FIELDS[entry["kind"]]]
    return tuple((field.ja, field.en, _show(said)) for field, said in told if said is not None or not field.later)


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
