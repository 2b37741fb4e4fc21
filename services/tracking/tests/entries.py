"""What other services say of an item, as the entries that tracking hears."""

from collections.abc import Sequence
from typing import Any

from services.tracking.consumers import consumers
from shared.entry import Entry
from shared.events.certificates import CertificateIssued, CertificateKind, CertificateRevoked
from shared.events.erasure import (
    Evidence,
    MediumDestroyed,
    MediumErased,
    Photo,
    Reason,
)
from shared.ids import derived
from shared.levels import Level
from shared.testing import Service, recorded

EVIDENCE = Evidence(sha256="0" * 64, filename="nvme.json", tool="nvme-cli")


def erased(item: Entry[Any], level: Level = Level.PURGE, *, by: Any = None, **said: Any) -> Entry[Any]:
    medium = item.event.media[0]
    usual = {"reasons": (Reason(code="x", ja="。", en="."),), "evidence": EVIDENCE, "place": "on-site"}
    event = MediumErased(
        medium=medium.id,
        item=item.stream,
        label=item.event.label,
        serial=medium.serial,
        technique="nvme-block-erase",
        achieved=level,
        required=Level.PURGE,
        sufficient=level >= Level.PURGE,
        table_version="1",
        operator="worker",
        **(usual | said),
    )
    return recorded(event, stream=medium.id, **({"by": by} if by else {}))


def destroyed(item: Entry[Any]) -> Entry[Any]:
    medium = item.event.media[0]
    event = MediumDestroyed(
        medium=medium.id,
        item=item.stream,
        label=item.event.label,
        serial=medium.serial,
        technique="crush",
        machine="1",
        photos=(Photo(sha256="1" * 64, role="after"),),
        operator="worker",
    )
    return recorded(event, stream=medium.id, sequence=2)


def issued(item: Entry[Any], kind: CertificateKind = "destruction", *, issue: int = 1) -> Entry[Any]:
    medium = item.event.media[0]
    stream = derived(medium.id, f"{kind}-certificate-{issue}")
    event = CertificateIssued(
        certificate=stream,
        number=f"{kind[0].upper()}-{item.event.label}-{issue}",
        certificate_kind=kind,
        item=item.stream,
        label=item.event.label,
        medium=medium.id,
        input_sha256="2" * 64,
        pdf_sha256="3" * 64,
        json_sha256="4" * 64,
        key="k",
        log_index=0,
    )
    return recorded(event, stream=stream, sequence=2)


def revoked(certificate: Entry[Any]) -> Entry[Any]:
    said = certificate.event.model_dump(include={"certificate", "number", "item", "certificate_kind"})
    return recorded(CertificateRevoked(**said, reason="誤り"), stream=certificate.stream, sequence=3)


async def hear(tracking: Service, entries: Sequence[Entry[Any]]) -> None:
    async with tracking.consuming() as tx:
        await consumers.handle(tx, entries)
