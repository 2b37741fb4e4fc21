"""One certificate: requested with what it stands on, issued once, overdue before or revoked after. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from services.certificates.domain.number import ISSUES_MAX, Number, parse_number
from shared.entry import Event
from shared.events.certificates import (
    CertificateIssued,
    CertificateKind,
    CertificateOverdue,
    CertificateRequested,
    CertificateRevoked,
    CertificateValidated,
    Cited,
    LotRequested,
    RevocationCode,
)
from shared.ids import derived
from shared.refused import Invalid, Refused

REASON_LENGTH_MAX = 500
LOT_LINES_MAX = 5000  # single certificates of one lot: some 150 pages


CODES: Mapping[RevocationCode, tuple[str, str]] = {  # why a certificate was revoked, as the public list says it
    "wrong-medium": ("機器や記憶媒体の記載の誤り", "The device or medium is described wrongly"),
    "wrong-party": ("宛先や契約の記載の誤り", "The addressee or contract is wrong"),
    "evidence-withdrawn": ("証拠が再確認などで認められなくなった", "The evidence no longer holds"),
    "amended": ("あとから加わった記録を載せるための再発行", "Reissued to include what was recorded since"),
    "other": ("その他の誤り", "Another mistake"),
}


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

    requested: CertificateRequested | LotRequested | None = None
    issued: CertificateIssued | None = None
    overdue: CertificateOverdue | None = None
    revoked: CertificateRevoked | None = None
    validated: CertificateValidated | None = None

    def stands_on(self, cites: Sequence[Cited]) -> bool:
        """Tell whether it was asked for on these grounds, on later ones, or is issued: there is nothing to ask for.

        Only a later entry of the same stream is a later ground: a medium erased anew before the paper was made.
        """
        asked = self.requested
        if asked is None:
            return False
        if self.issued or isinstance(asked, LotRequested):
            return True
        was, now = asked.cites[0], cites[0]
        return was.stream != now.stream or now.sequence <= was.sequence

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
        replaces: str | None = None,
    ) -> CertificateRequested:
        """Decide to ask for it. Raises Refused when it was asked for before and there are no later grounds."""
        if self.stands_on(cites):
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
            replaces=replaces,
        )

    def request_lot(
        self,
        certificate: UUID,
        *,
        number: str,
        engagement: UUID,
        lines: int,
        list_sha256: str,
        replaces: str | None = None,
    ) -> LotRequested:
        """Decide to ask for a lot's certificate.

        Raises Refused when it was asked for before or lists nothing, Invalid when it lists too much.
        """
        if self.requested:
            raise Refused(
                "already-requested",
                "この証明書はもう作成中か、発行済みです。一覧で確かめてください。",
                "This certificate is being made or issued already. Look it up in the list.",
            )
        if not lines:
            raise Refused(
                "nothing-stands",
                "載せる証明書がありません。有効な証明書が発行されてから、もう一度依頼してください。",
                "There is nothing to list: ask again when a certificate is issued and stands.",
            )
        if lines > LOT_LINES_MAX:
            raise Invalid(
                "lot-lines",
                f"載せる証明書が{lines}通あります。1通から{LOT_LINES_MAX}通までにしてください（機器を選んで分けられます）。",
                f"There are {lines} certificates to list; list 1 to {LOT_LINES_MAX} (choose items to split them).",
                field="items",
            )
        return LotRequested(
            certificate=certificate,
            number=number,
            engagement=engagement,
            lines=lines,
            list_sha256=list_sha256,
            replaces=replaces,
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
        of: dict[str, Any] = (
            {"certificate_kind": "lot", "label": parse_number(asked.number).label.id}
            if isinstance(asked, LotRequested)
            else asked.model_dump(include={"certificate_kind", "item", "label", "medium"})
        )
        return CertificateIssued(
            certificate=asked.certificate,
            number=asked.number,
            **of,
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

    def revoke(
        self, reason: str, code: RevocationCode = "other", *, replaced_by: str | None = None
    ) -> CertificateRevoked:
        """Decide that it no longer stands, and what stands in its place.

        What was revoked without a replacement may be given one, for the reason it was revoked for. Raises Refused
        unless it is issued and stands, Invalid without a reason.
        """
        if not self.issued:
            raise Refused(
                "not-issued",
                "この証明書はまだ発行されていないので、取り消せません。発行を待ってください。",
                "This certificate is not issued yet, so it cannot be revoked. Wait until it is.",
            )
        if self.revoked and (replaced_by is None or self.revoked.replaced_by):
            raise Refused("already-revoked", "この証明書は取り消し済みです。", "This certificate is revoked already.")
        if self.revoked:
            return self.revoked.model_copy(update={"replaced_by": replaced_by})
        return CertificateRevoked(
            certificate=self.issued.certificate,
            number=self.issued.number,
            item=self.issued.item,
            certificate_kind=self.issued.certificate_kind,
            code=code,
            reason=_said(reason),
            replaced_by=replaced_by,
        )

    def reissue(self, reason: str, code: RevocationCode) -> tuple[CertificateRevoked, Number]:
        """Decide that another is issued in its place: what revokes this one, and the other's number.

        Raises Refused as `revoke` does, and when there were too many issues; Invalid without a reason.
        """
        following = parse_number(self.issued.number).following if self.issued else None
        if following and following.issue > ISSUES_MAX:
            raise Refused("too-many-issues", "再発行の回数の上限です。", "It was reissued too often.")
        event = self.revoke(reason, code, replaced_by=str(following))
        return event, following or parse_number(event.number)

    def validate(self, validator: str, *, accepted: bool, remark: str | None) -> CertificateValidated:
        """Decide that the town accepts it, or does not. Raises Refused unless it is issued and stands, or said so."""
        if not self.issued or self.revoked:
            raise Refused(
                "not-standing",
                "発行されていて有効な証明書だけを確認できます。この証明書は未発行か、取り消されています。",
                "Only a certificate that is issued and stands can be validated. This one is not issued, or revoked.",
            )
        if self.validated and self.validated.accepted == accepted:
            raise Refused("already-validated", "この確認は記録済みです。", "This is on record already.")
        if not accepted and not (remark or "").strip():
            raise Invalid(
                "remark",
                "妥当と認めない理由を書いてください。センターが何を直せばよいかが伝わります。",
                "Say why it is not accepted, so that the centre knows what to mend.",
                field="remark",
            )
        return CertificateValidated(
            certificate=self.issued.certificate,
            number=self.issued.number,
            item=self.issued.item,
            certificate_kind=self.issued.certificate_kind,
            validator=validator,
            accepted=accepted,
            remark=(remark or "").strip()[:REASON_LENGTH_MAX] or None,
        )


def _said(reason: str) -> str:
    if not reason.strip() or len(reason) > REASON_LENGTH_MAX:
        raise Invalid(
            "reason",
            f"取り消す理由を{REASON_LENGTH_MAX}文字までで書いてください。",
            f"Give the reason, in at most {REASON_LENGTH_MAX} characters.",
            field="reason",
        )
    return reason.strip()


def fold(events: Iterable[Event]) -> Certificate:
    """Return the certificate its events tell of. Raises ValueError for an event that is not of a certificate."""
    state = Certificate()
    for event in events:
        match event:
            case CertificateRequested() | LotRequested():
                state = replace(state, requested=event)
            case CertificateIssued():
                state = replace(state, issued=event)
            case CertificateOverdue():
                state = replace(state, overdue=event)
            case CertificateRevoked():
                state = replace(state, revoked=event)
            case CertificateValidated():
                state = replace(state, validated=event)
            case _:
                raise ValueError(f"{event.kind} is no event of a certificate")
    return state


def stream_of(kind: CertificateKind, about: UUID, issue: int = 1) -> UUID:
    """Return the stream of the certificate of a kind about a medium, or about an item for the tracking certificate.

    Each issue (再発行) has a stream of its own.
    """
    return derived(about, f"{kind}-certificate" + (f"-{issue}" if issue > 1 else ""))


def lot_stream(engagement: UUID, request: UUID) -> UUID:
    """Return the stream of a lot's certificate: one for each request about an engagement."""
    return derived(engagement, f"lot-certificate-{request}")


def next_lot_stream(replaced: UUID) -> UUID:
    """Return the stream of the lot's certificate that is issued in the place of another: one for each."""
    return derived(replaced, "lot-certificate-reissue")
