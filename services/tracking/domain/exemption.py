"""A medium that cannot be erased on site: destroy only, with a witness, allowed by another person. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from shared.entry import Event
from shared.events.tracking import ExceptionApproved, ExceptionRequested, ItemRegistered
from shared.refused import Refused


@dataclass(frozen=True, slots=True)
class Exemption:
    """What was asked for a medium, and by whom."""

    requested: ExceptionRequested | None = None
    requester: str | None = None
    approved: ExceptionApproved | None = None

    def request(
        self, known: ItemRegistered, medium: UUID, *, reason: str, witness: str, requester: str
    ) -> ExceptionRequested:
        """Ask for it, naming the witness, who is another person."""
        if self.requested:
            raise Refused(
                "already-requested",
                "この媒体の申し出はもうあります。承認を待ってください。",
                "An exception for this medium was already requested. Wait for the approval.",
            )
        if witness == requester:
            raise Refused(
                "two-persons", "立会いは、申し出た人とは別の人が必要です。", "The witness must be another person."
            )
        version = known.required.policy_version
        return ExceptionRequested(
            item=known.item, medium=medium, reason=reason, witness=witness, policy_version=version
        )

    def approve(self, *, approver: str) -> ExceptionApproved:
        """Allow it: by a person who neither asked nor witnessed."""
        if not self.requested:
            raise Refused(
                "not-requested",
                "この媒体の申し出がありません。先に理由と立会いを入れて申し出てください。",
                "There is no request for this medium. Request it first with reason and witness.",
            )
        if self.approved:
            raise Refused("already-approved", "この媒体はもう承認されています。", "This medium is already approved.")
        if approver in (self.requester, self.requested.witness):
            raise Refused(
                "two-persons",
                "承認は、申し出た人・立会いの人とは別の人が行います。",
                "The approver must be neither the requester nor the witness.",
            )
        asked = self.requested.model_dump()
        return ExceptionApproved(**asked, approver=approver)


def fold(events: Iterable[tuple[Event, str]]) -> Exemption:
    """Return the state from (event, who recorded it) pairs."""
    state = Exemption()
    for event, person in events:
        match event:
            case ExceptionRequested():
                state = Exemption(event, person, state.approved)
            case ExceptionApproved():
                state = Exemption(state.requested, state.requester, event)
            case _:
                raise ValueError(f"{event.kind} is no event of an exception")
    return state
