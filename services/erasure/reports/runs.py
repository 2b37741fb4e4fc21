"""A drive of which one file tells more than once: the latest run decides. The one place for that, whatever the source.

Two runs of nwipe in one log, several erasures in a report of Blancco, two disks of a certificate: whoever joined them,
a success counts only when everything else that the file says of the drive is strictly earlier. Where times are missing,
equal or overlap, nobody can tell which was the last, and runs that ended differently contradict each other.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from services.erasure.domain.finding import Finding
from services.erasure.domain.placeholder import named
from services.erasure.domain.reason import because
from services.erasure.domain.technique import Outcome, Technique, Verification
from services.erasure.reports.report import Report
from services.erasure.reports.text import WORDS_MAX, visible

_Span = tuple[datetime, datetime]


def latest(report: Report) -> Report:
    """Return the report with one finding a drive: that of its last run, in the order of the file.

    Drives are alike by serial, however it is spelt. Of two models under one serial, or two devices at one time, each is
    a drive of its own, and yet one's failure is doubt about the other: who binds by serial cannot tell them apart. What
    names no drive stays as it is, and is doubt about those it may be.
    """
    by_serial: dict[str, list[Finding]] = {}
    unnamed: list[Finding] = []
    for finding in report.findings:
        if named(finding.serial):
            by_serial.setdefault(spelling(finding.serial), []).append(finding)
        if finding.model and _is_nameless(finding):
            unnamed.append(finding)
    if not unnamed and len(by_serial) == sum(map(len, by_serial.values())):
        return report
    kept: list[Finding] = []
    for finding in report.findings:
        kept += _drives(by_serial.pop(spelling(finding.serial), []), unnamed) if named(finding.serial) else [finding]
    return replace(report, findings=tuple(kept))


def _is_nameless(finding: Finding) -> bool:
    """Tell whether nobody knows of which drive a run is: it names none or, if it did not pass, several, or one once."""
    if finding.outcome is Outcome.NONE:
        return False
    differs = any(reason.code in ("identity-differs", "named-once") for reason in finding.contradictions)
    return not named(finding.serial) or (differs and finding.outcome is not Outcome.COMPLETED)


def spelling(serial: str) -> str:
    """Fold case, width, blanks and punctuation; not letters that look alike: O and 0 make two serials."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKC", serial).casefold() if letter.isalnum())
    return plain or serial


def _drives(alike: Sequence[Finding], unnamed: Sequence[Finding]) -> Iterable[Finding]:
    """Give the last run of each drive among findings of one serial; an inventory beside an erasure says nothing.

    A run that names no drive may be of any drive of its model that was not wiped beside it.
    """
    telling = [one for one in alike if one.outcome is not Outcome.NONE] or alike
    runs = list(dict.fromkeys(telling))  # a log joined to itself
    drives: list[list[Finding]] = []
    for run in runs:
        mine = next((drive for drive in drives if _is_same(drive[-1], run)), None)
        if mine is None:
            drives.append([run])
        else:
            mine.append(run)
    for drive in drives:
        last = _last(drive)
        others = [one for one in runs if one is not last]
        others += [one for one in unnamed if _is_same(one, last) and one not in drive]
        yield _doubted(last, drive, others)


def _is_same(one: Finding, other: Finding) -> bool:
    """Tell two runs of one drive from two drives that call themselves alike: those are wiped side by side."""
    if not (one.model.startswith(other.model) or other.model.startswith(one.model)):  # tools and versions cut it
        return False
    here, there = _span(one), _span(other)
    side_by_side = here and there and here[0] < there[1] and there[0] < here[1]
    return not (side_by_side and one.device != other.device)


def _last(drive: Sequence[Finding]) -> Finding:
    """Choose by the time it ended; at one time, or without, a success, for the others to contradict it."""
    dated = [
        (span[1], one.outcome is Outcome.COMPLETED, number) for number, one in enumerate(drive) if (span := _span(one))
    ]
    undated = [(one.outcome is Outcome.COMPLETED, number) for number, one in enumerate(drive)]
    return drive[max(dated)[-1] if dated else max(undated)[-1]]


def _doubted(last: Finding, drive: Sequence[Finding], others: Sequence[Finding]) -> Finding:
    """Take a success as contradicted by every other run that ended differently and is not strictly earlier."""
    for one in others:
        alike = _ended(one) == _ended(last) and (one not in drive or _said(one) == _said(last))
        if not alike and not _is_earlier(one, last):
            words = visible(f"{one.words} ({_when(one)}) / {last.words} ({_when(last)})", WORDS_MAX)
            return replace(last, contradictions=(*last.contradictions, because("runs-differ", words=words)))
    spelt = next((one.serial for one in drive if one.serial != last.serial), None)
    if spelt is not None:
        differs = because("identity-differs", what="S/N", one=spelt, other=last.serial)
        return replace(last, contradictions=(*last.contradictions, differs))
    if len(drive) == 1:
        return last
    return replace(last, notes=(*last.notes, because("several-runs", count=len(drive))))


def _ended(finding: Finding) -> tuple[object, ...]:
    """Give what decides whether a run can be a pass at all."""
    unread = finding.verification is Verification.NONE
    return finding.outcome, unread, finding.technique is Technique.READ_ONLY, bool(finding.contradictions)


def _said(finding: Finding) -> tuple[object, ...]:
    """Give what else a grade rests on: of two drives it may differ, of two runs of one it may not."""
    return finding.technique, finding.verification, finding.hidden


def _is_earlier(one: Finding, other: Finding) -> bool:
    here, there = _span(one), _span(other)
    if here is None or there is None or (here[0].tzinfo is None) is not (there[0].tzinfo is None):
        return False
    return here[1] <= there[0] and here[0] < there[0]


def _span(finding: Finding) -> _Span | None:
    """Give the first and the last time that a run names. Times that contradict each other are none."""
    first, last = finding.started or finding.finished, finding.finished or finding.started
    if first is None or last is None or (first.tzinfo is None) is not (last.tzinfo is None) or last < first:
        return None
    return None if any(reason.code == "times-out-of-order" for reason in finding.contradictions) else (first, last)


def _when(finding: Finding) -> str:
    return str(finding.finished or finding.started or "-")
