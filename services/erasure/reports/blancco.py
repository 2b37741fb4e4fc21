"""Blancco report XML, both shapes: `<entry name="state">` and `<state>`; several reports, several erasures each.

No real drive report is public: the shapes are those that public integrations read, so this reader is unconfirmed, its
grade says so, and it stops at Clear whatever standard the report names. The integrity blob is not verified.
"Successful" is a pass where `blancco_success` finds nothing against it, all else is none.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice

from services.erasure.domain.finding import Finding
from services.erasure.domain.reason import because
from services.erasure.domain.technique import Freshness, MediumKind, Outcome, Technique, Verification
from services.erasure.reports.blancco_entries import below, name_of, value
from services.erasure.reports.blancco_success import Disk, contradictions, doubts
from services.erasure.reports.inventory import DRIVES_MAX
from services.erasure.reports.markup import Node, xml_of
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import WORDS_MAX, host_of, model_of, serial_of, visible

SOURCE = "blancco"

_SUCCESS = "Successful"
_FAILED = ("Failed", "Error", "Unsuccessful")
_KINDS = {"HDD": MediumKind.HDD, "SSD": MediumKind.SSD, "NVME": MediumKind.NVME}
_TIME_MAX = 40  # characters


def recognises(text: str) -> bool:
    """Whether it is markup with one of Blancco's own parts."""
    return text[:64].lstrip().startswith("<") and ("blancco_data" in text or "blancco_erasure_report" in text)


def read(text: str) -> Report:
    """Read every erasure. Raises Unreadable where there is none, or more than any machine has drives."""
    top = xml_of(text)
    reports = list(_reports(top)) or [(top, top)]
    found = list(islice((finding for frame, report in reports for finding in _findings(frame, report)), DRIVES_MAX + 1))
    if not 0 < len(found) <= DRIVES_MAX:
        raise Unreadable(
            f"Blancco の報告に消去（erasures）がないか、{DRIVES_MAX} 件を超えています。"
            "XML の報告全体を、パソコンごとに保存して登録し直してください。"
        )
    authors = [
        one for _, report in reports for one in below(report, "description", "document_log", "log_entry", "author")
    ]
    versions = [value(author, "product_version") for author in authors]
    return Report(tool="Blancco", tool_version=visible((versions or [""])[0], 40), source=SOURCE, findings=tuple(found))


def _reports(top: Node) -> Iterator[tuple[Node, Node]]:
    """Give each report's frame, with what is said beside its data, and its data."""
    for node in top.walk():
        inside = below(node, "blancco_data")
        for data in inside:
            yield node if len(inside) == 1 else data, data


def _findings(frame: Node, report: Node) -> Iterator[Finding]:
    hardware = below(report, "blancco_hardware_report")
    disks = [
        Disk(value(disk, "serial"), value(disk, "model")) for one in hardware for disk in below(one, "disks", "disk")
    ]
    hosts = [value(system, "serial") for one in hardware for system in below(one, "system")]
    host = next((serial for serial in hosts if host_of(serial)), "")
    parts = [part for one in below(report, "blancco_erasure_report", "erasures") for part in one.children]
    erasures = [part for part in parts if name_of(part) == "erasure"]
    found = [_finding(erasure, disks, host) for erasure in erasures[: DRIVES_MAX + 1]]
    listed = {serial_of(disk.serial) for disk in disks}
    strange = [one.serial or "-" for one in found if one.serial not in listed and one.outcome is not Outcome.COMPLETED]
    strange += [name_of(part) or "-" for part in parts if part.children and name_of(part) != "erasure"]
    of_all = doubts(frame)
    if strange:  # what failed may have been any of them
        listing = visible(", ".join(sorted(listed)) or "-", WORDS_MAX)
        of_all += (because("identity-differs", what="S/N", one=visible(strange[0], WORDS_MAX), other=listing),)
    for one in found:
        completed = one.outcome is Outcome.COMPLETED
        yield replace(one, contradictions=(*one.contradictions, *of_all)) if completed else one


def _finding(erasure: Node, disks: list[Disk], host: str) -> Finding:
    target = next(iter(below(erasure, "target")), Node(""))
    state = value(erasure, "state")
    started, finished = _time(value(erasure, "start_time")), _time(value(erasure, "end_time"))
    outcome = _outcome(state)
    completed = outcome is Outcome.COMPLETED
    kind = value(target, "interface_type").upper() or value(target, "type").upper()
    return Finding(
        technique=Technique.OVERWRITE,
        outcome=outcome,
        words=visible(f"{state or '-'}, {value(erasure, 'erasure_standard_name') or '-'}", WORDS_MAX),
        serial=serial_of(value(target, "serial")),
        model=model_of(value(target, "model")),
        host_serial=host_of(host),
        kind=_KINDS.get(kind) or _KINDS.get(value(target, "type").upper(), MediumKind.UNKNOWN),
        started=started,
        finished=finished,
        verification=Verification.TOOL_STATUS if completed else Verification.NONE,
        freshness=Freshness.LOGGED if started and finished else Freshness.STATE_ONLY,
        contradictions=tuple(contradictions(erasure, disks, (started, finished))) if completed else (),
        notes=(because("reader-unconfirmed", tool="Blancco"),),
    )


def _outcome(state: str) -> Outcome:
    if state == _SUCCESS:
        return Outcome.COMPLETED
    return Outcome.FAILED if state.startswith(_FAILED) else Outcome.INCOMPLETE


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text[:_TIME_MAX])
    except ValueError:
        return None
