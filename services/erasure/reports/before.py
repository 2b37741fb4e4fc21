"""The state before a job: what shows that "completed" was reached by this job and not by an earlier one."""

from collections.abc import Sequence
from dataclasses import replace

from services.erasure.domain.finding import Finding
from services.erasure.domain.reason import Reason, because
from services.erasure.domain.technique import Freshness, Outcome, Technique, Verification
from services.erasure.reports.report import Report

STATES = (Outcome.COMPLETED, Outcome.FAILED, Outcome.INCOMPLETE, Outcome.IN_PROGRESS, Outcome.NEVER)
GENERIC = (Technique.NONE, Technique.UNKNOWN, Technique.ATA_SANITIZE)  # say less than a command's own name


def since(before: Sequence[Report], report: Report) -> Report:
    """Say of each drive whether the reports made before show that its job came after them.

    Only reports of the same source speak of the same state. A whole log that lay there before is of an earlier job.
    """
    earlier = [finding for one in before if one.source == report.source for finding in one.findings]
    return replace(report, findings=tuple(_since(earlier, finding) for finding in report.findings))


def begun_since(was: Finding, states: Sequence[Finding]) -> tuple[bool, tuple[Reason, ...]]:
    """Compare the state before with the states after, the last of which is completed.

    A state before that contradicts itself, or that one altered digit would change, shows nothing: it decides whether
    an old success may pass for a new one.
    """
    doubts = [reason for reason in was.contradictions if reason.code == "status-differs"]
    doubts += [note for finding in (was, states[-1]) for note in finding.notes if note.code == "said-once"]
    if doubts:
        return False, tuple(dict.fromkeys(doubts))
    seen_running = any(finding.outcome is Outcome.IN_PROGRESS for finding in states)
    if was.outcome is Outcome.IN_PROGRESS:
        return False, (because("state-not-idle", words=was.words),)
    other_action = was.technique is not states[-1].technique and was.technique not in GENERIC
    if was.outcome is not Outcome.COMPLETED or seen_running or other_action:
        return True, ()
    return False, (because("before-already-completed"),)


def controller(device: str) -> str:
    """Give the drive of a name: nvme0n1 is a namespace of nvme0, and the tools name either."""
    head, n, number = device.rpartition("n")
    return head if n and number.isdigit() and head.startswith("nvme") and head[-1:].isdigit() else device


def _since(earlier: Sequence[Finding], finding: Finding) -> Finding:
    same = [one for one in earlier if _is_same_drive(one, finding) and one.outcome in STATES]
    if finding.outcome is not Outcome.COMPLETED or not same:
        return finding
    if finding.freshness is Freshness.LOGGED:
        job = (finding.started, finding.finished)
        if all((one.started, one.finished) != job for one in same):
            return finding
        return replace(
            finding, freshness=Freshness.STATE_ONLY, notes=_with(finding, because("before-already-completed"))
        )
    if finding.verification is not Verification.DEVICE_STATUS or finding.freshness is Freshness.SESSION:
        return finding
    fresh, notes = begun_since(same[-1], [finding])
    return replace(
        finding,
        freshness=Freshness.SESSION if fresh else finding.freshness,
        notes=_with(finding, *notes),
    )


def _with(finding: Finding, *notes: Reason) -> tuple[Reason, ...]:
    return (*finding.notes, *notes)


def _is_same_drive(one: Finding, other: Finding) -> bool:
    """By serial where both have one, else by the kernel's name; what names nothing is like its like only."""
    if one.serial or other.serial:
        return one.serial == other.serial
    return controller(one.device) == controller(other.device)
