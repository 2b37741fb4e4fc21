"""The answer to a postal code typed into an application: the beginning of the address, or why there is none."""

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.donations import postal_codes
from services.donations.intake import find
from shared.door import TheDoor
from shared.web.i18n import language, translator
from shared.web.i18n import msgid as _

router = APIRouter(include_in_schema=False)

_PREFIX = len("town-")
_DIGITS = 5  # of a municipality's code; the sixth is a check digit


@router.get("/calls/{number}/postal/{code}")
async def look_up(request: Request, door: TheDoor, number: str, code: str) -> Response:
    """Say which neighbourhood of the call's town a postal code is of."""
    place = await find(door, number)
    found = await asyncio.to_thread(postal_codes.look_up, code, place.tenant[_PREFIX : _PREFIX + _DIGITS])
    address = found.neighbourhoods[0] if found and len(found.neighbourhoods) == 1 else ""
    said = translator(language(request))(_said(found))
    places = {"city": found.city, "names": "、".join(found.neighbourhoods)} if found else {}
    return JSONResponse({"address": address, "say": said % places if places else said})


def _said(found: postal_codes.Found | None) -> str:
    if found is None:
        return _("この郵便番号は見つかりません。番号を確かめるか、住所をそのまま入れてください。")
    if not found.is_here:
        return _("%(city)sの郵便番号です。町内の住所を入れてください。")
    if not found.neighbourhoods:
        return _("この番号に町域の名前はありません。住所をそのまま入れてください。")
    if len(found.neighbourhoods) > 1:
        return _("この番号の町域：%(names)s。当てはまるものから入れてください。")
    return _("この番号の町域は「%(names)s」です。続けて番地を入れてください。")
