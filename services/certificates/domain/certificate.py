"""One certificate: requested with what it stands on, issued once, overdue before or revoked after. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from uuid import UUID

from shared.entry import Event
from shared.events.certificates import (
    CertificateIssued,
    CertificateKind,
    CertificateOverdue,
    CertificateRequested,
    CertificateRevoked,
    Cited,
)
from shared.ids import derived
from shared.refused import Invalid, Refused

JST = timezone(timedelta(hours=9), "JST")
REASON_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Made:
    """What issuing put into the blobs, by hash, and the key that signed."""

    input_sha256: str
    pdf_sha256: str
    json_sha256: str
    key: str
    log_index: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate as its stream tells it."""

    requested: CertificateRequested | None = None
    issued: CertificateIssued | None = None
    overdue: CertificateOverdue | None = None
    revoked: CertificateRevoked | None = None

    def request(
        self,
        certificate: UUID,
        *,
        number: str,
        kind: CertificateKind,
        item: UUID,
        label: str,
        medium: UUID | None,
        cites: Sequence[Cited],
    ) -> CertificateRequested:
        """Decide to ask for it. Raises Refused when it was asked for before."""
        if self.requested:
            raise Refused(
                "already-requested",
                "この証明書はもう作成中か、発行済みです。一覧で確かめてください。",
                "This certificate is being made or issued already. Look it up in the list.",
            )
        return CertificateRequested(
            certificate=certificate,
            number=number,
            certificate_kind=kind,
            item=item,
            label=label,
            medium=medium,
            cites=tuple(cites),
        )

    def issue(self, made: Made) -> CertificateIssued:
        """Decide that it is issued. Raises Refused when nothing was asked for or it is issued already."""
        if not self.requested or self.issued:
            raise Refused(
                "not-to-be-issued",
                "この証明書は依頼がないか、発行済みです。一覧で確かめてください。",
                "Nothing asked for this certificate, or it is issued already. Look it up in the list.",
            )
        asked = self.requested
        return CertificateIssued(
            certificate=asked.certificate,
            number=asked.number,
            certificate_kind=asked.certificate_kind,
            item=asked.item,
            label=asked.label,
            medium=asked.medium,
            input_sha256=made.input_sha256,
            pdf_sha256=made.pdf_sha256,
            json_sha256=made.json_sha256,
            key=made.key,
            log_index=made.log_index,
        )

    def fall_due(self, certificate: UUID, *, number: str, item: UUID, due_on: date) -> CertificateOverdue:
        """Decide that the deadline passed without it. Raises Refused when it is issued, or this was said before."""
        if self.issued or self.overdue:
            raise Refused(
                "not-overdue",
                "この証明書は発行済みか、期限切れが記録済みです。",
                "This certificate is issued, or its being overdue is on record already.",
            )
        return CertificateOverdue(certificate=certificate, number=number, item=item, due_on=due_on)

    def revoke(self, reason: str) -> CertificateRevoked:
        """Decide that it no longer stands. Raises Refused unless it is issued and stands, Invalid without a reason."""
        if not self.issued:
            raise Refused(
                "not-issued",
                "この証明書はまだ発行されていないので、取り消せません。発行を待ってください。",
                "This certificate is not issued yet, so it cannot be revoked. Wait until it is.",
            )
        if self.revoked:
            raise Refused("already-revoked", "この証明書は取り消し済みです。", "This certificate is revoked already.")
        if not reason.strip() or len(reason) > REASON_LENGTH_MAX:
            raise Invalid(
                "reason",
                f"取り消す理由を{REASON_LENGTH_MAX}文字までで書いてください。",
                f"Give the reason, in at most {REASON_LENGTH_MAX} characters.",
                field="reason",
            )
        return CertificateRevoked(certificate=self.issued.certificate, number=self.issued.number, reason=reason.strip())


def fold(events: Iterable[Event]) -> Certificate:
    """Return the certificate its events tell of. Raises ValueError for an event that is not of a certificate."""
    state = Certificate()
    for event in events:
        match event:
            case CertificateRequested():
                state = replace(state, requested=event)
            case CertificateIssued():
                state = replace(state, issued=event)
            case CertificateOverdue():
                state = replace(state, overdue=event)
            case CertificateRevoked():
                state = replace(state, revoked=event)
            case _:
                raise ValueError(f"{event.kind} is no event of a certificate")
    return state


def stream_of(kind: CertificateKind, about: UUID) -> UUID:
    """Return the stream of the certificate of a kind about a medium, or about an item for the tracking certificate."""
    return derived(about, f"{kind}-certificate")


def due_on(received: datetime, days: int) -> date:
    """Return the deadline: so many days after the day of receipt in Japan, by the clock that recorded it."""
    return received.astimezone(JST).date() + timedelta(days=days)
