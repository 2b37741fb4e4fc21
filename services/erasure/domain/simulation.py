"""Evidence of a simulation: it may stand in a simulation, and proves nothing anywhere else. Pure.

What marks it is said in `shared/simulated.py`. Whoever judges a report knows whether it is in a simulation: a medium by
its engagement, the command line never.
"""

from dataclasses import replace

from services.erasure.domain.finding import Finding
from services.erasure.domain.grading import Grade, Verdict
from services.erasure.domain.reason import because
from shared.simulated import is_simulated

MARKED = because("simulated")  # noted by the reader where the report itself carries the mark


def is_of_simulation(finding: Finding) -> bool:
    """Tell whether the drive, its computer or the report is marked as simulated."""
    named = (finding.serial, finding.model, finding.host_serial)
    return MARKED in finding.notes or any(is_simulated(name) for name in named)


def without_worth(judged: Grade) -> Grade:
    """Return the grade of simulated evidence outside a simulation: none, and nothing would raise it."""
    reasons = (MARKED, *(reason for reason in judged.reasons if reason != MARKED))
    return replace(judged, level=None, verdict=Verdict.NOT_EVIDENCE, reasons=reasons, would_raise=())
