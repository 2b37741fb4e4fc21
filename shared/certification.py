"""Which certificate a medium needs before its custody may close, by what the policy asks of it. Pure.

Tracking closes custody by it, certificates asks for documents by it: two readings of one rule would leave an item
waiting for a paper that nobody makes. The rows are those of MIC's guideline (R2.12; DOMAIN: which media, which
treatment, which assurance).
"""

from collections.abc import Mapping
from typing import Literal

from shared.events.tracking import Assurance, Required
from shared.levels import Level, at_least

MediumPaper = Literal["destruction", "erasure"]

# The last level asked for and how the town assures itself → the paper. A destroyed medium's paper carries the photos
# and tells of its erasure on site, so that one is enough; of what is only erased, the completion certificate
# (完了証明書) is the assurance, unless the town's staff stand by instead; what nothing is asked of needs no paper.
PAPERS: Mapping[tuple[Level | None, Assurance], MediumPaper | None] = {
    (Level.DESTROY, "witnessed"): "destruction",
    (Level.DESTROY, "onsite_erase_plus_certificate"): "destruction",
    (Level.DESTROY, "both"): "destruction",
    (Level.PURGE, "witnessed"): None,
    (Level.PURGE, "onsite_erase_plus_certificate"): "erasure",
    (Level.PURGE, "both"): "erasure",
    (Level.CLEAR, "witnessed"): None,
    (Level.CLEAR, "onsite_erase_plus_certificate"): "erasure",
    (Level.CLEAR, "both"): "erasure",
    (None, "witnessed"): None,
    (None, "onsite_erase_plus_certificate"): None,
    (None, "both"): None,
}


def final_level(required: Required) -> Level | None:
    """Return the last level asked of a medium: the contractor's, or the town hall's when that is all."""
    return required.at_centre or required.on_site


def paper(required: Required, reached: Level | None) -> MediumPaper | None:
    """Return the certificate that a medium needs which has reached a level; None when it needs none.

    What was destroyed has its photos' certificate whatever was asked: a stricter treatment is never worth less paper.
    """
    return "destruction" if reached is Level.DESTROY else PAPERS[final_level(required), required.assurance]


def earns_erasure(required: Required, achieved: Level) -> bool:
    """Tell whether a proved erasure is what the policy asks an erasure certificate of."""
    return paper(required, None) == "erasure" and at_least(achieved, final_level(required))
