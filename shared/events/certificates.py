"""What certificates publishes. One stream a certificate, derived from what it certifies."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from shared.entry import Event
from shared.events.tracking import Part

CertificateKind = Literal["erasure", "destruction", "tracking"]


class Cited(Part):
    """An entry the certificate stands on."""

    entry: UUID
    stream: UUID
    sequence: int


class CertificateRequested(Event):
    """The intent, recorded before anything is signed: exactly which entries, and the hash of the document's input."""

    kind: ClassVar[str] = "certificates.requested.v1"
    certificate: UUID
    number: str
    certificate_kind: CertificateKind
    item: UUID
    label: str
    medium: UUID | None = None
    cites: tuple[Cited, ...]


class CertificateIssued(Event):
    """Rendered, signed, stored: once, however often a message comes or a process dies."""

    kind: ClassVar[str] = "certificates.issued.v1"
    certificate: UUID
    number: str
    certificate_kind: CertificateKind
    item: UUID
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
    """The certificate no longer stands; both documents and the reason remain."""

    kind: ClassVar[str] = "certificates.revoked.v1"
    certificate: UUID
    number: str
    reason: str
    replaced_by: str | None = None
