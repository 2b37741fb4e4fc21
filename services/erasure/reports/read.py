"""The one way in: which source wrote these bytes, and what its reader says."""

import json
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

from services.erasure.domain.finding import Finding
from services.erasure.domain.reason import Reason, because
from services.erasure.domain.simulation import MARKED
from services.erasure.domain.technique import Outcome, Technique
from services.erasure.reports import (
    attestation,
    badblocks,
    blancco,
    crash,
    dmidecode,
    hdparm,
    homemade,
    lsblk,
    lshw,
    mke2fs,
    nvme_identify,
    nvme_list,
    nvme_page,
    nvme_reply,
    nvme_sanitize,
    nwipe,
    nwipe_certificate,
    scrub,
    session,
    sg3,
    smartctl,
    wipefs,
    workbench,
)
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.runs import latest
from services.erasure.reports.text import REPLACEMENT, decode
from shared.simulated import MARK

__all__ = ["Report", "Unreadable", "read", "read_alone"]

# What holds others comes first: a session, a snapshot. Then by how much a source gives itself away.
_READERS: tuple[ModuleType, ...] = (
    session,
    attestation,
    workbench,
    nvme_sanitize,
    nvme_identify,
    nvme_list,
    smartctl,
    nvme_page,
    lsblk,
    lshw,
    dmidecode,
    blancco,
    nwipe,
    nwipe_certificate,
    hdparm,
    nvme_reply,
    sg3,
    badblocks,
    mke2fs,
    wipefs,
    scrub,
    homemade,
    crash,
)


_DOCUMENTS = ("{", "[{", "<", "%PDF")  # how what is no console text begins; nwipe's log begins with a time

_ESCAPED_MARK = json.dumps(MARK)[1:-1]  # as JSON of ASCII alone writes it


def read(content: bytes, filename: str) -> Report:
    """Read a report of any known source. The name serves the message only: what the file is, its bytes say.

    Raises Unreadable with a sentence for the person who dropped the file.
    """
    text = decode(content)
    for reader in _READERS:
        if reader.recognises(text):
            report: Report = reader.read(text)
            return latest(_weighed(report, text))
    raise Unreadable(
        f"「{filename[:80]}」は対応する消去報告ではありません。対応: nvme、hdparm、nwipe のログと PDF、Blancco の XML、"
        "smartctl、lshw、lsblk、dmidecode、Workbench、作業記録（meguru-session）、消去申告書など。道具の出力をそのままの形で登録してください。"
    )


def _weighed(report: Report, text: str) -> Report:
    """Say of every drive what any source may carry: a mark of a simulation, letters in a name that nobody sees."""
    marks = (MARKED,) if MARK in text or _ESCAPED_MARK in text.lower() else ()
    return replace(
        report,
        is_console=not text.lstrip().startswith(_DOCUMENTS),
        findings=tuple(
            replace(one, contradictions=(*one.contradictions, *_unseen(one)), notes=(*one.notes, *marks))
            for one in report.findings
        ),
    )


def _unseen(finding: Finding) -> Iterator[Reason]:
    for what, said in (("S/N", finding.serial), ("Model", finding.model)):
        if REPLACEMENT in said:
            yield because("unseen-letters", what=what, said=said)


def read_alone(content: bytes, filename: str) -> Report:
    """Read what one file shows by itself: as `read`, but silence is an answer too.

    nvme-cli, wipefs and others say nothing when a command is accepted, so an empty transcript is a claim at most. An
    empty file that was to hold a document (`.json`, `.xml`) holds none: the query failed. No silence is ever a pass,
    so the name may choose between the two. Raises Unreadable as `read` does.
    """
    if content.strip():
        return read(content, filename)
    is_document = filename.lower().endswith((".json", ".xml"))
    finding = Finding(
        technique=Technique.NONE if is_document else Technique.UNKNOWN,
        outcome=Outcome.NONE if is_document else Outcome.CLAIMED,
        words="no output",
    )
    return Report(tool="", tool_version="", source="silence", findings=(finding,))
