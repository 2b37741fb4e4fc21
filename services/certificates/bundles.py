"""Bundles at the door: ask for one, see how far it is, take it along in as many parts as the line allows."""

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi import Request as HttpRequest
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from services.certificates import bindery, reading
from services.certificates.api import TEXT_MAX
from services.certificates.archive import Archive
from shared import blobs
from shared.door import Door, TheDoor
from shared.entry import moment
from shared.identity import Principal, SignedIn
from shared.ids import uuid7
from shared.refused import Refused, Unknown
from shared.web.forms import Form
from shared.web.pages import render

router = APIRouter()

Town = Annotated[str | None, Query(max_length=TEXT_MAX)]
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


class Asking(BaseModel):
    """Which engagement's certificates to take along; the request's id becomes the bundle's."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    request: UUID
    engagement: UUID


@router.post("/api/certificates/bundles", status_code=202, tags=["certificates"])
async def ask(body: Asking, door: TheDoor, who: SignedIn, town: Town = None) -> Response:
    """Ask for all certificates of an engagement with their photos, in one signed zip."""
    return JSONResponse({"bundle": str(await _ask(door, who, town or who.party, body))}, 202)


@router.get("/api/certificates/bundles", tags=["certificates"])
async def bundles(door: TheDoor, who: SignedIn, town: Town = None) -> Response:
    """Return the last bundles of a town, the newest first, with how far each is."""
    tenant = town or who.party
    async with door.look(tenant, who) as connection:
        own = [one.engagement for one in await reading.engagements(connection, tenant, who.party)]
        return JSONResponse({"bundles": [_told(row) for row in await bindery.last(connection, tenant, own)]})


@router.get("/certificates/bundles/{bundle}.zip", tags=["certificates"])
async def bundle(
    bundle: UUID,
    door: TheDoor,
    who: SignedIn,
    *,
    town: Town = None,
    range_: Annotated[str, Header(alias="range", max_length=100)] = "",
    if_range: Annotated[str, Header(max_length=100)] = "",
) -> Response:
    """Return a bundle, or the part of it that a `Range` names (RFC 9110 §14): a broken download goes on."""
    async with door.look(town or who.party, who) as connection:
        row = await bindery.one(connection, bundle)
        own = {one.engagement for one in await reading.engagements(connection, town or who.party, who.party)}
    if row is None or row.engagement not in own:
        raise Unknown
    if row.members_sha256 is None:
        raise Refused(
            "not-made",
            "この束はまだ作成中か、作れませんでした。束の画面で様子を確かめてください。",
            "This bundle is being made, or could not be. See its page for how far it is.",
        )
    archive = Archive(await bindery.members(row.tenant, row.members_sha256))
    etag = f'"{row.members_sha256}"'
    headers = {
        "content-disposition": f'attachment; filename="{row.tenant}-{row.made_at:%Y%m%d}-{row.bundle}.zip"',
        "accept-ranges": "bytes",
        "etag": etag,
        "cache-control": "private, no-cache",
    }
    asked = _asked(range_, archive.size) if range_ and if_range in ("", etag) else (0, archive.size)
    if asked is None:
        return Response(status_code=416, headers={"content-range": f"bytes */{archive.size}"})
    first, end = asked
    status = 200
    if range_ and if_range in ("", etag):
        status, headers["content-range"] = 206, f"bytes {first}-{end - 1}/{archive.size}"
    headers["content-length"] = str(end - first)

    async def fetch(sha256: str) -> bytes:
        return await blobs.get(row.tenant, sha256)

    return StreamingResponse(archive.read(first, end, fetch), status, headers, "application/zip")


@router.get("/certificates/bundles", include_in_schema=False)
async def page(request: HttpRequest, door: TheDoor, who: SignedIn, town: Town = None) -> Response:
    """Show a town's bundles, how far each is, and where to ask for one."""
    tenant = town or who.party
    async with door.look(tenant, who) as connection:
        engagements = await reading.engagements(connection, tenant, who.party)
        rows = await bindery.last(connection, tenant, [one.engagement for one in engagements])
    titles = {one.engagement: one.title for one in engagements}
    return render(
        request,
        "bundles.html",
        rows=rows,
        titles=titles,
        engagements=engagements,
        town=tenant,
        fresh={one.engagement: str(uuid7()) for one in engagements},
    )


@router.post("/certificates/bundles", include_in_schema=False)
async def ask_by_form(request: HttpRequest, door: TheDoor, who: SignedIn, town: Town = None) -> Response:
    """Ask for a bundle on its page."""
    form = Form(await request.form())
    tenant = town or who.party
    await _ask(door, who, tenant, Asking.model_validate({name: form.value(name) for name in Asking.model_fields}))
    return RedirectResponse(f"/certificates/bundles?town={tenant}", 303)


async def _ask(door: Door, who: Principal, tenant: str, asking: Asking) -> UUID:
    async with door.look(tenant, who) as connection:
        if asking.engagement not in {
            one.engagement for one in await reading.engagements(connection, tenant, who.party)
        }:
            raise Unknown
        if not await reading.issued(connection, tenant, asking.engagement):
            raise Refused(
                "nothing-issued",
                "まだ1通も発行されていません。発行されてから受け取ってください。",
                "Not one certificate is issued yet. Come back when they are.",
            )
        asked = bindery.Asked(asking.request, tenant, asking.engagement, who.party, door.now())
        return await bindery.ask(connection, asked)


def _asked(said: str, size: int) -> tuple[int, int] | None:
    """Return the part that one range names, first byte and the one after the last; None when there is none such."""
    parts = _RANGE.fullmatch(said.strip())
    if not parts or parts[1] == parts[2] == "":
        return None
    if not parts[1]:
        first, end = max(0, size - int(parts[2])), size
    else:
        first, end = int(parts[1]), min(int(parts[2]) + 1 if parts[2] else size, size)
    return (first, end) if first < end else None


def _told(row: Any) -> dict[str, Any]:
    def said(at: datetime | None) -> str | None:
        return moment(at) if at else None

    return {
        "bundle": str(row.bundle),
        "engagement": str(row.engagement),
        "asked_at": said(row.asked_at),
        "certificates": row.certificates,
        "taken_in": row.taken_in,
        "size": row.size,
        "made_at": said(row.made_at),
        "failure": row.failure,
    }
