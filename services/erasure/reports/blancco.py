"""Blancco report XML, both shapes: `<entry name="state">` and `<state>`; several reports, several erasures each.

No real drive report is public: the shapes are those that public integrations read, so this reader is unconfirmed, its
grade says so, and it stops at Clear whatever standard the report names. The integrity blob is not verified.
"Successful" is a pass, all else is none. A target must be one of the disks that the hardware part lists.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from services.erasure.domain.finding import Finding
from services.erasure.domain.reason import Reason, because
from services.erasure.domain.technique import Freshness, MediumKind, Outcome, Technique, Verification
from services.erasure.reports.inventory import DRIVES_MAX
from services.erasure.reports.markup import Node, xml_of
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import MODEL_MAX, SERIAL_MAX, WORDS_MAX, serial_of, visible

SOURCE = "blancco"

DURATION_SLACK = timedelta(seconds=60)  # between elapsed time and start to end
_SUCCESS = "Successful"
_FAILED = ("Failed", "Error", "Unsuccessful")
_COUNTS = ("failed_sectors", "total_errors", "read_errors", "write_errors", "verification_errors")
_KINDS = {"HDD": MediumKind.HDD, "SSD": MediumKind.SSD, "NVME": MediumKind.NVME}
_TIME_MAX = 40  # characters


def recognises(text: str) -> bool:
    """Whether it is markup with one of Blancco's own parts."""
    return text[:64].lstrip().startswith("<") and ("blancco_data" in text or "blancco_erasure_report" in text)


def read(text: str) -> Report:
    """Read every erasure. Raises Unreadable where there is none, or more than any machine has drives."""
    top = xml_of(text)
    reports = [node for node in top.walk() if _name(node) == "blancco_data"] or [top]
    found = list(islice((finding for report in reports for finding in _findings(report)), DRIVES_MAX + 1))
    if not 0 < len(found) <= DRIVES_MAX:
        raise Unreadable(
            f"Blancco の報告に消去（erasures）がないか、{DRIVES_MAX} 件を超えています。"
            "XML の報告全体を、パソコンごとに保存して登録し直してください。"
        )
    authors = [
        one for report in reports for one in _below(report, "description", "document_log", "log_entry", "author")
    ]
    versions = [_value(author, "product_version") for author in authors]
    return Report(tool="Blancco", tool_version=visible((versions or [""])[0], 40), source=SOURCE, findings=tuple(found))


def _name(node: Node) -> str:
    """One name for both shapes: the attribute of `entry` and `entries`, else the tag."""
    return node.attributes.get("name", "") if node.tag in ("entry", "entries") else node.tag


def _below(node: Node, *names: str) -> list[Node]:
    """Walk down by names, one level each: a document that nests a part in itself is not walked again and again."""
    nodes = [node]
    for name in names:
        nodes = [child for one in nodes for child in one.children if _name(child) == name]
    return nodes


def _values(node: Node, name: str) -> list[str]:
    """Give what a node's own fields of this name say."""
    return [child.text.strip() for child in node.children if _name(child) == name]


def _value(node: Node, name: str) -> str:
    return next((value for value in _values(node, name) if value), "")


def _findings(report: Node) -> Iterator[Finding]:
    disks = {_value(disk, "serial") for disk in _below(report, "blancco_hardware_report", "disks", "disk")} - {""}
    hosts = [_value(one, "serial") for one in _below(report, "blancco_hardware_report", "system")]
    host = next((serial for serial in hosts if serial), "")
    for erasure in _below(report, "blancco_erasure_report", "erasures", "erasure"):
        yield _finding(erasure, disks, host)


def _finding(erasure: Node, disks: set[str], host: str) -> Finding:
    target = next(iter(_below(erasure, "target")), Node(""))
    serial, state = _value(target, "serial"), _value(erasure, "state")
    started, finished = _time(_value(erasure, "start_time")), _time(_value(erasure, "end_time"))
    outcome = _outcome(state)
    completed = outcome is Outcome.COMPLETED
    kind = _value(target, "interface_type").upper() or _value(target, "type").upper()
    return Finding(
        technique=Technique.OVERWRITE,
        outcome=outcome,
        words=visible(f"{state or '-'}, {_value(erasure, 'erasure_standard_name') or '-'}", WORDS_MAX),
        serial=serial_of(serial),
        model=visible(_value(target, "model"), MODEL_MAX),
        host_serial=visible(host, SERIAL_MAX),
        kind=_KINDS.get(kind) or _KINDS.get(_value(target, "type").upper(), MediumKind.UNKNOWN),
        started=started,
        finished=finished,
        verification=Verification.TOOL_STATUS if completed else Verification.NONE,
        freshness=Freshness.LOGGED if started and finished else Freshness.STATE_ONLY,
        contradictions=tuple(_contradictions(erasure, serial, disks, started, finished)) if completed else (),
        notes=(because("reader-unconfirmed", tool="Blancco"),),
    )


def _outcome(state: str) -> Outcome:
    if state == _SUCCESS:
        return Outcome.COMPLETED
    return Outcome.FAILED if state.startswith(_FAILED) else Outcome.INCOMPLETE


def _contradictions(
    erasure: Node, serial: str, disks: set[str], started: datetime | None, finished: datetime | None
) -> Iterator[Reason]:
    """Everything that must agree before "Successful" is believed."""
    states = [node.text.strip() for node in erasure.walk() if _name(node) == "state"]
    if len(states) != 1 or len(_below(erasure, "target")) != 1:
        yield because("said-twice", words=visible(" / ".join(states), WORDS_MAX))
    if serial not in disks:
        known = visible(", ".join(sorted(disks)) or "-", WORDS_MAX)
        yield because("identity-differs", what="S/N", one=visible(serial or "-", WORDS_MAX), other=known)
    for name in _COUNTS:
        wrong = [value for value in _values(erasure, name) if value != "0"]
        if wrong:
            yield because("errors-and-success", words=visible(f"{name} = {wrong[0] or '-'}", WORDS_MAX))
    if not (_values(erasure, "failed_sectors") or _values(erasure, "total_errors")):
        yield because("table-damaged", words="failed_sectors, total_errors")
    yield from _times(_value(erasure, "elapsed_time"), started, finished)


def _times(elapsed: str, started: datetime | None, finished: datetime | None) -> Iterator[Reason]:
    if not started or not finished:
        return  # then it is not fresh
    words = f"{started.isoformat()} → {finished.isoformat()}, {visible(elapsed or '-', 40)}"
    if (
        (started.tzinfo is None) is not (finished.tzinfo is None)
        or finished <= started
        or (duration := _duration(elapsed)) is None
        or abs(finished - started - duration) > DURATION_SLACK
    ):
        yield because("times-out-of-order", words=words)


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text[:_TIME_MAX])
    except ValueError:
        return None


def _duration(text: str) -> timedelta | None:
    """`01:02:03`, hours of any length up to four digits."""
    parts = text.split(":")
    if len(parts) != len("hms") or not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):  # noqa: PLR2004 - 9999 hours
        return None
    hours, minutes, seconds = (int(part) for part in parts)
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
