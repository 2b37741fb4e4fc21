"""What certificates publishes. One stream a certificate, derived from what it certifies."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.entry import Event
from shared.events.tracking import Part

CertificateKind = Literal["erasure", "destruction", "tracking", "lot"]
RevocationCode = Literal["wrong-medium", "wrong-party", "evidence-withdrawn", "amended", "other"]


class Cited(Part):
    """An entry the certificate stands on."""

    entry: UUID
    stream: UUID
    sequence: int


class CertificateRequested(Event):
    """The intent, recorded before anything is signed: exactly which entries it will stand on.

    A later one in the same stream stands on a later erasure of the medium, as long as nothing is issued.
    """

    kind: ClassVar[str] = "certificates.requested.v1"
    certificate: UUID
    number: str
    certificate_kind: CertificateKind
    item: UUID
    label: str
    medium: UUID | None = None
    cites: tuple[Cited, ...]
    replaces: str | None = None  # the number of the revoked one in whose place it stands


class LotRequested(Event):
    """Somebody asked for one document about many certificates; the log proves this entry, and so the list's hash."""

    kind: ClassVar[str] = "certificates.lot-requested.v1"
    certificate: UUID
    number: str
    engagement: UUID
    lines: int = Field(ge=1)  # single certificates it lists
    list_sha256: str  # of the list in canonical JSON (RFC 8785), kept as a blob
    replaces: str | None = None  # the number of the revoked one in whose place it stands


class CertificateIssued(Event):
    """Rendered, signed, stored: once, however often a message comes or a process dies."""

    kind: ClassVar[str] = "certificates.issued.v1"
    certificate: UUID
    number: str
    certificate_kind: CertificateKind
    item: UUID | None = None  # none: a lot
    label: str
    medium: UUID | None = None
    input_sha256: str
    pdf_sha256: str
    json_sha256: str
    key: str  # fingerprint of the certificate key
    log_index: int


class CertificateOverdue(Event):
    """The deadline passed without the certificate."""

    kind: ClassVar[str] = "certificates.overdue.v1"
    certificate: UUID
    number: str
    item: UUID
    due_on: date


class CertificateRevoked(Event):
    """The certificate no longer stands; both documents and the reason remain.

    A later one in the same stream names the replacement of a certificate that was revoked without one.
    """

    kind: ClassVar[str] = "certificates.revoked.v1"
    certificate: UUID
    number: str
    item: UUID | None = None
    certificate_kind: CertificateKind | None = None
    code: RevocationCode | None = None  # what the public list says; `reason` may name people and stays in the house
    reason: str
    replaced_by: str | None = None


class CertificateValidated(Event):
    """The town says whether it accepts what a certificate states (validation, NIST SP 800-88 Rev. 2 §4.7).

    What was issued stands as it is; certificates made later print it. A later one in the same stream takes its place.
    """

    kind: ClassVar[str] = "certificates.validated.v1"
    certificate: UUID
    number: str
    item: UUID | None = None
    certificate_kind: CertificateKind
    validator: str  # a person of the town
    accepted: bool
    remark: str | None = None
