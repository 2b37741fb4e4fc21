"""Certificates' files: a PDF, a JSON, all of a town's in one zip, the public keys, the list of revocations."""

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from services.certificates import keys, reading
from services.certificates.api import TEXT_MAX, GivenNumber, entitled, nothing_issued, unknown
from shared import blobs
from shared.deadline import JST
from shared.door import TheDoor
from shared.identity import SignedIn
from shared.refused import Refused
from shared.settings import settings

router = APIRouter(prefix="/certificates", tags=["certificates"])

MEDIA_TYPES = {"pdf": "application/pdf", "json": "application/json"}
IMMUTABLE = "private, max-age=31536000, immutable"  # a number's file never changes


@router.get("/keys.txt")
async def public_keys() -> PlainTextResponse:
    """Return the public keys of PDF and credential; the log's own key comes from the log."""
    return PlainTextResponse(keys.published(settings().keys), headers={"cache-control": "public, max-age=300"})


@router.get("/revoked.json")
async def revoked(door: TheDoor) -> Response:
    """Return the newest signed list of revoked certificates, for everybody; `verifier` checks it offline."""
    async with door.asking() as connection:
        body = await reading.revoked_list(connection)
    if body is None:
        raise Refused(
            "no-list-yet",
            "取り消しの一覧がまだありません。証明書の発行が始まるのを待って、もう一度お試しください。",
            "There is no list of revocations yet. Wait until the issuer has started, then try again.",
        )
    return Response(body, media_type=MEDIA_TYPES["json"], headers={"cache-control": "public, max-age=60"})


@router.get("/all.zip")
async def everything(
    door: TheDoor,
    who: SignedIn,
    town: Annotated[str | None, Query(max_length=TEXT_MAX)] = None,
    engagement: UUID | None = None,
) -> StreamingResponse:
    """Return every issued certificate of a town (or of one engagement) as it is packed, with a list."""
    tenant = town or who.party
    async with door.look(tenant, who) as connection:
        rows = await reading.issued(connection, tenant, engagement, party=who.party)
    if not rows:
        raise nothing_issued()
    name = f"{tenant}-certificates.zip"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    parts = _packed(tenant, rows)
    try:
        first = await anext(parts)
    except blobs.Away as away:
        raise HTTPException(503) from away
    return StreamingResponse(_after(first, parts), media_type="application/zip", headers=headers)


@router.get("/{number}.pdf")
async def pdf(number: GivenNumber, door: TheDoor, who: SignedIn) -> Response:
    """Return the signed PDF to its town and to who acts for it."""
    return await _file(number, door, who, "pdf")


@router.get("/{number}.json")
async def credential(number: GivenNumber, door: TheDoor, who: SignedIn) -> Response:
    """Return the signed credential to its town and to who acts for it."""
    return await _file(number, door, who, "json")


async def _file(number: Any, door: Any, who: Any, kind: Literal["pdf", "json"]) -> Response:
    row = await entitled(door, who, number)
    if row is None:
        raise unknown(number)
    sha256 = row.pdf_sha256 if kind == "pdf" else row.json_sha256
    if sha256 is None:
        raise Refused(
            "not-issued",
            "この証明書はまだ発行されていません。少し待って、もう一度お試しください。",
            "This certificate is not issued yet. Wait a little and try again.",
        )
    disposition = "inline" if kind == "pdf" else "attachment"
    headers = {
        "content-disposition": f'{disposition}; filename="{number}.{kind}"',
        "cache-control": IMMUTABLE,
        "etag": f'"{sha256}"',
    }
    try:
        content = await blobs.get(row.tenant, sha256)
    except blobs.Missing as lost:
        raise Refused(
            "file-lost",
            "ファイルが保管庫にないか、壊れています。記録は残っています。運用の担当に知らせてください。",
            "The file is missing from the store, or damaged. The record stands. Tell the operator.",
        ) from lost
    except blobs.Away as away:
        raise HTTPException(503) from away
    return Response(content, media_type=MEDIA_TYPES[kind], headers=headers)


class _Pipe:
    """What a ZipFile writes into and a response takes out of, so that no zip is ever whole in memory."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken = b"".join(self.parts)
        self.parts.clear()
        return taken


async def _after(first: bytes, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in parts:
        yield part


async def _packed(tenant: str, rows: Sequence[Any]) -> AsyncIterator[bytes]:
    """Pack a lot; the list comes last and names what is lost.

    A store that stops answering breaks the zip off, so that nobody takes it for whole: the same call may succeed later.
    """
    pipe, lost = _Pipe(), dict[str, list[str]]()
    with ZipFile(pipe, "w", ZIP_STORED) as archive:  # type: ignore[call-overload]  # a stream without tell, which zipfile allows
        for row in rows:
            folder = "revoked/" if row.revoked_at else ""
            for kind, sha256 in (("pdf", row.pdf_sha256), ("json", row.json_sha256)):
                try:
                    content = await blobs.get(tenant, sha256)
                except blobs.Missing:
                    lost.setdefault(row.number, []).append(kind.upper())
                else:
                    archive.writestr(_named(f"{folder}{row.number}.{kind}", row.issued_at), content)
            yield pipe.take()
        archive.writestr(_named("list.csv", rows[-1].issued_at), _list(rows, lost))
    yield pipe.take()


def _named(name: str, at: datetime) -> ZipInfo:
    local = at.astimezone(JST)
    return ZipInfo(name, (local.year, local.month, local.day, local.hour, local.minute, local.second))


def _list(rows: Sequence[Any], lost: Mapping[str, Sequence[str]]) -> bytes:
    """Write the list of a lot for a spreadsheet; the mark at its head lets Excel see UTF-8."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["証明書番号", "種類", "追跡ID", "発行", "取消", "PDF SHA-256", "JSON SHA-256", "備考"])
    for row in rows:
        revoked = row.revoked_at.astimezone(JST).isoformat(timespec="seconds") if row.revoked_at else ""
        issued = row.issued_at.astimezone(JST).isoformat(timespec="seconds")
        kinds = "と".join(lost.get(row.number, ()))
        said = f"{kinds}のファイルが保管庫にないか、壊れています。運用の担当に知らせてください。" if kinds else ""
        table.writerow([row.number, row.kind, row.label, issued, revoked, row.pdf_sha256, row.json_sha256, said])
    return out.getvalue().encode("utf-8-sig")
