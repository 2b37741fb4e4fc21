"""The list of revoked certificates: signed like a credential, dated, readable offline for ever. It names no person."""

from typing import Any, Literal

from pydantic import AwareDatetime

from services.certificates.document import credential, words
from services.certificates.document.inputs import Part, Sha256, Text


class RevokedLine(Part):
    """A certificate that no longer stands: its files by their hashes, why, and what stands in its place."""

    number: Text
    pdf_sha256: Sha256
    json_sha256: Sha256
    revoked_at: AwareDatetime
    code: Text
    ja: Text
    en: Text
    replaced_by: Text | None = None


class RevocationList(Part):
    """All revocations known at `issued_at`; whoever checks looks for a newer list after `next_update`."""

    kind: Literal["revocations"] = "revocations"
    number: int
    url: Text
    issued_at: AwareDatetime
    next_update: AwareDatetime
    revoked: tuple[RevokedLine, ...]


def document(given: RevocationList) -> dict[str, Any]:
    """Return the list as it is to be signed."""
    return {
        "@context": credential.CONTEXT,
        "id": given.url,
        "type": ["VerifiableCredential", "RevocationList"],
        "validFrom": words.rfc3339(given.issued_at),
        "validUntil": words.rfc3339(given.next_update),
        "credentialSubject": {"id": given.url, **given.model_dump(mode="json", exclude_none=True)},
    }
