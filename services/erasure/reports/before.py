"""The state before a job: what shows that "completed" was reached by this job and not by an earlier one."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from services.erasure.domain.finding import Finding
from services.erasure.domain.reason import Reason, because
from services.erasure.domain.technique import Freshness, Outcome, Technique, Verification
from services.erasure.reports.report import Report
from services.erasure.reports.runs import spelling

STATES = (Outcome.COMPLETED, Outcome.FAILED, Outcome.INCOMPLETE, Outcome.IN_PROGRESS, Outcome.NEVER)
GENERIC = (Technique.NONE, Technique.UNKNOWN, Technique.ATA_SANITIZE)  # say less than a command's own name
_SHOWN = (  # what a drive says of itself; every other name is a command's, and its fate is no state of the drive
    Technique.NONE,
    Technique.ATA_SANITIZE,
    Technique.NVME_SANITIZE_BLOCK,
    Technique.NVME_SANITIZE_CRYPTO,
    Technique.NVME_SANITIZE_OVERWRITE,
)


def since(before: Sequence[Report], report: Report) -> Report:
    """Say of each drive whether the reports made before show that its job came after them.

    Only reports of the same source speak of the same state. A whole job that lay there before is an earlier one, and
    its times must say so. A state has no time: that it was taken first is the word of whoever gave the files, so it is
    said, and the state itself must differ. Of what a terminal showed not even that is taken: two texts without a time
    are lines that anybody types in either order, and a session document is how they are tied to a job.
    """
    earlier = [(finding, one.is_console) for one in before if one.source == report.source for finding in one.findings]
    found = tuple(_since(earlier, finding, is_console=report.is_console) for finding in report.findings)
    return replace(report, findings=found)


def begun_since(was: Finding, states: Sequence[Finding]) -> tuple[bool, tuple[Reason, ...]]:
    """Compare the state before with the states after, the last of which is completed.

    A state before that contradicts itself, or that one altered digit would change, shows nothing: it decides whether
    an old success may pass for a new one. Nor does a command that was refused or left without an answer.
    """
    if was.technique not in _SHOWN:
        return False, ()
    doubts = [reason for reason in was.contradictions if reason.code == "status-differs"]
    doubts += [note for finding in (was, states[-1]) for note in finding.notes if note.code == "said-once"]
    if doubts:
        return False, tuple(dict.fromkeys(doubts))
    seen_running = any(finding.outcome is Outcome.IN_PROGRESS for finding in states)
    if was.outcome is Outcome.IN_PROGRESS:
        return False, (because("state-not-idle", words=was.words),)
    # one digit says block or crypto erase; an overwrite says its passes twice, so that another action shows
    other_action = was.technique is Technique.NVME_SANITIZE_OVERWRITE is not states[-1].technique
    other_action = other_action and not was.contradictions
    if was.outcome is not Outcome.COMPLETED or seen_running or other_action:
        return True, ()
    return False, (because("before-already-completed"),)


def controller(device: str) -> str:
    """Give the drive of a name: nvme0n1 is a namespace of nvme0, and the tools name either."""
    head, n, number = device.rpartition("n")
    return head if n and number.isdigit() and head.startswith("nvme") and head[-1:].isdigit() else device


def _since(earlier: Sequence[tuple[Finding, bool]], finding: Finding, *, is_console: bool) -> Finding:
    alike = [(one, shown) for one, shown in earlier if _is_same_drive(one, finding) and one.outcome in STATES]
    same = [one for one, _ in alike]
    if finding.outcome is not Outcome.COMPLETED or not same:
        return finding
    if finding.freshness is not Freshness.STATE_ONLY:
        stale = next((reason for one in same for reason in _not_before(one, finding)), None)
        return replace(finding, freshness=Freshness.STATE_ONLY, notes=_with(finding, stale)) if stale else finding
    if finding.verification is not Verification.DEVICE_STATUS:
        return finding
    if is_console or alike[-1][1]:
        return replace(finding, notes=_with(finding, because("undated-texts")))
    fresh, notes = begun_since(same[-1], [finding])
    return replace(
        finding,
        freshness=Freshness.SESSION if fresh else finding.freshness,
        notes=_with(finding, *notes, *((because("order-claimed"),) if fresh else ())),
    )


def _not_before(one: Finding, job: Finding) -> Iterator[Reason]:
    """Compare two whole jobs with times: the earlier one must be another, and over when this one began."""
    if (one.started, one.finished) == (job.started, job.finished):
        yield because("before-already-completed")
    over, began = one.finished or one.started, job.started
    if over and began and (over.tzinfo is None) is (began.tzinfo is None) and over > began:
        yield because("before-is-later", words=f"{over} > {began}")


def _with(finding: Finding, *notes: Reason) -> tuple[Reason, ...]:
    return (*finding.notes, *notes)


def _is_same_drive(one: Finding, other: Finding) -> bool:
    """By serial where both have one, else by the kernel's name; what names nothing is like its like only."""
    if one.serial or other.serial:
        return spelling(one.serial) == spelling(other.serial)
    return controller(one.device) == controller(other.device)
