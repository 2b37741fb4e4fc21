"""Bundles: all certificates of an engagement with their photos, in one signed zip for a network without the Internet.

A bundle is asked for at the door. The worker, which has the key, lists what belongs into it and has the list signed;
the doors then hand out the zip that follows from the list (`archive.py`). `meguru verify` takes it on the other side.
"""

import json
import logging
import zlib
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.certificates import keys, reading
from services.certificates.archive import Member
from services.certificates.document.credential import CONTEXT
from services.certificates.document.words import rfc3339
from services.certificates.pressroom import PressRoom
from services.certificates.tables import bundles
from shared import blobs
from shared.settings import settings

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
TYPE = "CertificateBundle"
TOLD_EVERY = 20  # certificates between two words about how far it is
KEPT = 10  # bundles shown
SUFFIXES = {b"\xff\xd8": "jpg", b"\x89P": "png", b"RI": "webp"}  # by a photo's first bytes; else HEIC
README = """めぐる 証明書の束

インターネットのない場所で確かめるための、証明書（PDF・JSON）と写真の原本です。
確かめ方：  python -m verifier このファイル.zip --key 鍵の一覧.txt
保管：      --into フォルダー を付けると、すべて正しいときだけ保管し、一覧（list.csv）を作ります。
鍵の一覧は、この束とは別の道で受け取ったものを使ってください（束の中の keys.txt は控えです）。
revoked/ には、取り消された証明書があります。理由は発行元に尋ねてください。

A bundle of certificates (PDF, JSON) and original photos, to be verified without the Internet:
python -m verifier THIS.zip --key KEYS.txt (--into FOLDER keeps it and lists what is in it).
Use keys that came to you another way; keys.txt in here is a copy.
"""

OPEN = bundles.c.made_at.is_(None) & bundles.c.failure.is_(None)

_MEMBERS = TypeAdapter(list[Member])


@dataclass(frozen=True, slots=True)
class Asked:
    """A bundle as it is asked for."""

    bundle: UUID
    tenant: str
    engagement: UUID
    asked_by: str
    asked_at: datetime


async def ask(connection: AsyncConnection, asked: Asked) -> UUID:
    """Ask for a bundle. Returns its id: the one that is being made for the engagement, where there is one."""
    await connection.execute(insert(bundles).on_conflict_do_nothing(), asdict(asked))  # one at a time an engagement
    own = select(bundles.c.bundle).where(bundles.c.bundle == asked.bundle)
    under_way = select(bundles.c.bundle).where(bundles.c.engagement == asked.engagement, OPEN)
    found = (await connection.execute(own)).scalar() or (await connection.execute(under_way)).scalar()
    return found or asked.bundle


async def last(connection: AsyncConnection, tenant: str, engagements: Collection[UUID]) -> Sequence[Row[Any]]:
    """Return a town's bundles of these engagements, the newest first."""
    rows = await connection.execute(
        select(bundles)
        .where(bundles.c.tenant == tenant, bundles.c.engagement.in_(engagements))
        .order_by(bundles.c.asked_at.desc())
        .limit(KEPT)
    )
    return list(rows)


async def one(connection: AsyncConnection, bundle: UUID) -> Row[Any] | None:
    """Return one bundle, among what the connection may see."""
    return (await connection.execute(select(bundles).where(bundles.c.bundle == bundle))).one_or_none()


async def members(tenant: str, members_sha256: str) -> list[Member]:
    """Return the files of a bundle that was made. Raises blobs.Missing, blobs.Away."""
    return _MEMBERS.validate_json(await blobs.get(tenant, members_sha256))


async def make_open(engine: AsyncEngine, room: PressRoom, at: datetime) -> int:
    """Make what was asked for and is not made. Returns how many were taken up."""
    async with engine.connect() as connection:
        waiting = list(await connection.execute(select(bundles).where(OPEN).order_by(bundles.c.asked_at)))
    for row in waiting:
        try:
            found = await _make(engine, room, row, at)
        except (LookupError, ValueError) as failure:  # of this bundle: a file is lost, the press is not ready
            log.error("the bundle %s cannot be made: %r", row.bundle, failure)  # noqa: TRY400 - named, no traceback needed
            found = {"failure": str(failure) or repr(failure)}
        await _tell(engine, row.bundle, **found)
    return len(waiting)


async def _make(engine: AsyncEngine, room: PressRoom, row: Row[Any], at: datetime) -> dict[str, Any]:
    async with engine.connect() as connection:
        issued = await reading.issued(connection, row.tenant, row.engagement)
        deal = (
            await connection.execute(
                text(
                    "SELECT e.title, e.contract, t.name AS town, c.name AS centre FROM engagements e "
                    "LEFT JOIN parties t ON t.party = e.town LEFT JOIN parties c ON c.party = e.centre "
                    "WHERE e.engagement = :engagement"
                ),
                {"engagement": row.engagement},
            )
        ).one()
    await _tell(engine, row.bundle, certificates=len(issued), taken_in=0)
    given = [
        await _kept(row.tenant, "README.txt", README.encode(), at),
        await _kept(row.tenant, "keys.txt", keys.trusted(settings().keys).encode(), at),
    ]
    found: dict[str, Member] = {one.sha256: one for one in given}
    for nth, certificate in enumerate(issued, 1):
        found |= {one.sha256: one for one in await _files(row.tenant, certificate, found)}
        if nth % TOLD_EVERY == 0 or nth == len(issued):
            await _tell(engine, row.bundle, taken_in=nth)
    manifest = await room.sign(_manifest(row, deal, found.values(), at), deal.centre or deal.town or row.tenant)
    listed = [await _kept(row.tenant, MANIFEST, manifest, at), *found.values()]
    kept = await blobs.put(row.tenant, _MEMBERS.dump_json(listed))
    return {"members_sha256": kept, "size": sum(one.size for one in listed), "made_at": at}


async def _files(tenant: str, row: Row[Any], known: Container[str]) -> list[Member]:
    """Return both files of a certificate and its photos that are not known yet. Raises blobs.Missing, blobs.Away."""
    folder = "revoked" if row.revoked_at else "certificates"
    taken = []
    credential = await blobs.get(tenant, row.json_sha256)
    for kind, content in (("pdf", await blobs.get(tenant, row.pdf_sha256)), ("json", credential)):
        taken.append(_member(f"{folder}/{row.number}.{kind}", content, row.issued_at))
    for photo in _photos(credential):
        if photo not in known:
            original = await blobs.get(tenant, photo)
            taken.append(_member(f"photos/{photo}.{SUFFIXES.get(original[:2], 'heic')}", original, row.issued_at))
    return taken


def _photos(credential: bytes) -> Iterator[str]:
    for one in json.loads(credential)["credentialSubject"].get("photos", []):
        yield one["sha256"]


def _manifest(row: Row[Any], deal: Row[Any], files: Any, at: datetime) -> dict[str, Any]:
    return {
        "@context": CONTEXT,
        "id": f"urn:uuid:{row.bundle}",
        "type": ["VerifiableCredential", TYPE],
        "validFrom": rfc3339(at),
        "credentialSubject": {
            "id": f"urn:uuid:{row.engagement}",
            "kind": "bundle",
            "engagement": deal.title,
            "contract": deal.contract,
            "town": deal.town,
            "files": [{"path": one.path, "size": one.size, "sha256": one.sha256} for one in files],
        },
    }


async def _kept(tenant: str, path: str, content: bytes, at: datetime) -> Member:
    await blobs.put(tenant, content)
    return _member(path, content, at)


def _member(path: str, content: bytes, at: datetime) -> Member:
    return Member(path, sha256(content).hexdigest(), len(content), zlib.crc32(content), at)


async def _tell(engine: AsyncEngine, bundle: UUID, **said: Any) -> None:
    async with engine.begin() as connection:
        await connection.execute(update(bundles).where(bundles.c.bundle == bundle).values(**said))
