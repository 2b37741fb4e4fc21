"""The destroy line: one medium at a time or a tray of them, with photos; the setting stays from scan to scan."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import FormData
from starlette.responses import Response

from services.erasure import destruction, reading
from services.erasure.commands.media import Which
from services.erasure.destruction import (
    DURATION_S_MAX,
    PARTICLE_MM_MAX,
    PARTICLE_MM_MIN,
    PHOTOS_MAX,
    SECURITY_CLASS,
    SHA256,
    TRAY_MAX,
    Shot,
    Telling,
)
from services.erasure.intake import TEXT_MAX
from services.erasure.pages import posted
from services.erasure.pages.desk import TECHNIQUES, WORDS, job
from shared.door import Door, Found, TheDoor, scanned
from shared.identity import Principal, holding
from shared.ids import uuid7
from shared.refused import Invalid, Refused, Unknown
from shared.web.forms import Form
from shared.web.i18n import language
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(prefix="/erasure/destroy", include_in_schema=False)

LAST_SHOWN = 3
FIELDS_MAX = 30
LIST_MAX = TRAY_MAX * (TEXT_MAX + 1)  # characters of a tray's list
MILLIMETRES = re.compile(r"\d{1,3}(\.\d)?")
WHOLE = re.compile(r"\d{1,6}")
CLASS = re.compile(SECURITY_CLASS)
HASH = re.compile(SHA256)
BESIDE = ("witness", "media")  # fields of these pages beside which a refusal can stand

Worker = Annotated[Principal, Depends(holding("worker", "centre-manager"))]


@dataclass(frozen=True, slots=True)
class Setting:
    """What stays the same from one medium to the next, as it was typed: it is in the address of the next page."""

    machine: str = ""
    witness: str = ""
    technique: str = "crush"
    removed: str = ""
    particle_mm: str = ""
    security_class: str = ""
    video_name: str = ""
    video_place: str = ""
    video_sha256: str = ""
    video_duration_s: str = ""

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Setting":
        """Take what is named of it out of an address or a form."""
        known = {one.name: said.get(one.name) for one in fields(cls)}
        return cls(**{name: text[:TEXT_MAX] for name, text in known.items() if isinstance(text, str) and text})

    def query(self) -> dict[str, str]:
        """Return it for an address, without what is as at the start."""
        return {one.name: text for one in fields(self) if (text := getattr(self, one.name)) != one.default}


# ── one medium ────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("")
async def line(*, request: Request, door: TheDoor, who: Worker, label: str = "", done: str = "") -> Response:
    """Show the medium whose label was scanned, its two shutters, and the count."""
    setting = Setting.of(request.query_params)
    return await _line(request, door, who, setting, label=label[:TEXT_MAX], done=done[:TEXT_MAX])


async def _line(
    request: Request,
    door: Door,
    who: Principal,
    setting: Setting,
    *,
    label: str = "",
    done: str = "",
    refusal: Refused | None = None,
    form: Form | None = None,
) -> Response:
    found, media, deeds = None, [], []
    try:
        if label or done:
            found = await door.resolve(scanned(label or done), who)
    except (Unknown, Invalid) as unknown:
        refusal = refusal or unknown
    around = await _around(door, who, found)
    if found and around["job"].current:
        async with door.look(found.tenant, who) as connection:
            media = await reading.registered(connection, items=[found.item])
            deeds = await reading.deeds_of(connection, found.item)
    return render(
        request,
        "destroy.html",
        422 if form and form.errors else posted.status(refusal),
        **around,
        setting=setting,
        label=label,
        done=done,
        found=found,
        media=media,
        choices=[(one.serial, one.serial) for one in media],
        proved={one.medium: reading.highest(deeds, one.medium) for one in media},
        unconfirmed={one.medium for one in media if reading.is_unconfirmed(deeds, one.medium)},
        out={deed.medium for deed in deeds if deed.kind == "erasure.medium-removed.v1"},
        crushed={deed.medium: deed for deed in deeds if deed.kind == "erasure.medium-destroyed.v1"},
        refusal=refusal,
        form=form,
    )


async def _around(door: Door, who: Principal, found: Found | None) -> dict[str, Any]:
    """Return what stands beside the medium on both pages: the count, the last ones, who may stand by."""
    at = await job(door, who, found.engagement if found else None)
    counted, last, standing = None, [], []
    if at.current:
        async with door.look(at.current.town, who) as connection:
            counted = await reading.overview(connection, at.current.engagement)
            last = await reading.last_destroyed(connection, LAST_SHOWN)
            standing = await reading.witnesses_of(connection, at.current.town)
    return {
        "job": at,
        "counted": counted,
        "last": last,
        "standing": standing,
        "new_request": uuid7(),
        "words": WORDS,
        "techniques": list(TECHNIQUES.items()),
    }


@router.post("")
async def destroy(request: Request, door: TheDoor, who: Worker) -> Response:
    """Record a destruction from the form; a refusal keeps what was typed, only photos are taken again."""
    async with request.form(max_files=PHOTOS_MAX, max_fields=FIELDS_MAX) as given:
        form, setting = _form(given), Setting.of(given)
        label = form.value("label")[:TEXT_MAX]
        serial = form.may("serial", _("製造番号"), longest=TEXT_MAX)
        told = _told(form, given)
        shots = await _shots(given) if told else []
    if told is None:
        return await _line(request, door, who, setting, label=label, form=form)
    try:
        await destruction.crush(door, who, scanned(label), Which(serial or None), given=shots, told=told)
    except Refused as refusal:
        if _beside(form, refusal, request):
            return await _line(request, door, who, setting, label=label, form=form)
        return await _line(request, door, who, setting, label=label, refusal=refusal, form=form)
    return posted.to("/erasure/destroy", done=label, **setting.query())


# ── a tray of them ────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/tray")
async def tray(*, request: Request, door: TheDoor, who: Worker, done: str = "") -> Response:
    """Show the list of a tray to be filled by scanning, or what was recorded of the last one."""
    return await _tray(request, door, who, Setting.of(request.query_params), done=done[:TEXT_MAX])


async def _tray(
    request: Request,
    door: Door,
    who: Principal,
    setting: Setting,
    *,
    done: str = "",
    refusal: Refused | None = None,
    form: Form | None = None,
) -> Response:
    found, crushed = None, []
    if done:
        try:
            found = await door.resolve(scanned(done), who)
            crushed = await _crushed(door, who, found)
        except (Unknown, Invalid) as unknown:
            refusal = unknown
    return render(
        request,
        "tray.html",
        422 if form and form.errors else posted.status(refusal),
        **await _around(door, who, found),
        setting=setting,
        found=found,
        crushed=crushed,
        tray_max=TRAY_MAX,
        refusal=refusal,
        form=form,
    )


async def _crushed(door: Door, who: Principal, found: Found) -> list[reading.Deed]:
    """Return the destructions of the tray in which a medium of this item was crushed last."""
    async with door.look(found.tenant, who) as connection:
        own = [deed for deed in await reading.deeds_of(connection, found.item) if "tray" in deed.data]
        if not own:
            raise Unknown
        tray = own[-1].data["tray"]
    others = await door.resolve_all([scanned(label) for label in tray["labels"]], who)
    async with door.look(found.tenant, who) as connection:
        return await reading.of_tray(connection, tray["tray"], [one.item for one in others.values()])


@router.post("/tray")
async def destroy_tray(request: Request, door: TheDoor, who: Worker) -> Response:
    """Record the destruction of a whole tray; a refusal keeps the list, only photos are taken again."""
    async with request.form(max_files=PHOTOS_MAX, max_fields=FIELDS_MAX) as given:
        form, setting = _form(given), Setting.of(given)
        lines = form.need("media", _("トレーの媒体"), longest=LIST_MAX).splitlines()
        told = _told(form, given)
        shots = await _shots(given) if told else []
    if told is None:
        return await _tray(request, door, who, setting, form=form)
    try:
        media = destruction.listed(lines)
        await destruction.crush_tray(door, who, media, given=shots, told=told)
    except Refused as refusal:
        if _beside(form, refusal, request):
            return await _tray(request, door, who, setting, form=form)
        return await _tray(request, door, who, setting, refusal=refusal, form=form)
    return posted.to("/erasure/destroy/tray", done=media[0][0].id, **setting.query())


# ── what the form says ────────────────────────────────────────────────────────────────────────────────────────────────


def _form(given: FormData) -> Form:
    return Form({key: value.strip()[:LIST_MAX] for key, value in given.items() if isinstance(value, str)})


def _told(form: Form, given: FormData) -> Telling | None:
    """Read the facts of a destruction; None when one of them is to be mended."""
    said: dict[str, Any] = {
        "request": posted.uuid(given, "request") or uuid7(),
        "machine": form.need("machine", _("粉砕機"), longest=TEXT_MAX),
        "technique": form.choice("technique", _("方法"), TECHNIQUES),
        "witness": form.may("witness", _("立会い"), longest=TEXT_MAX),
        "removed": form.value("removed") == "true" or None,
        "particle_mm": form.may("particle_mm", _("粒の大きさ（mm）"), pattern=MILLIMETRES, example="20"),
        "security_class": form.may("security_class", _("細断の等級"), pattern=CLASS, example="H-5"),
        "video_name": form.may("video_name", _("動画の名前"), longest=TEXT_MAX),
        "video_place": form.may("video_place", _("動画の保管場所"), longest=TEXT_MAX),
        "video_sha256": form.may("video_sha256", _("動画のSHA-256"), pattern=HASH, example="0123abcd…"),
        "video_duration_s": form.may("video_duration_s", _("動画の長さ（秒）"), pattern=WHOLE, example="600"),
    }
    _within(form, "particle_mm", PARTICLE_MM_MIN, PARTICLE_MM_MAX)
    _within(form, "video_duration_s", 1, DURATION_S_MAX)
    if form.errors:
        return None
    try:
        return _TELLING.validate_python({name: value for name, value in said.items() if value})
    except ValidationError as wrong:
        for error in wrong.errors():
            name = str(error["loc"][0]) if error["loc"] else ""
            form.wrong(name, form.labels.get(name, ""), _("書き方が違います。例のように入れてください。"))
        return None


_TELLING = TypeAdapter(Telling)


def _within(form: Form, name: str, least: float, most: float) -> None:
    text = form.value(name)
    if name not in form.errors and text and not least <= float(text) <= most:
        form.wrong(name, form.labels[name], _("範囲の中の数を入れてください。"), f"{least:g}〜{most:g}")


async def _shots(given: FormData) -> list[Shot]:
    """Take photos and the hashes that the browser computed of them; a hash of odd shape is none."""
    return [
        shot
        for role in ("before", "after")
        for shot in await destruction.shots(
            role,
            posted.files(given, role),
            (),
            [one for one in given.getlist(f"{role}_sha256") if isinstance(one, str) and HASH.fullmatch(one)],
        )
    ]


def _beside(form: Form, refusal: Refused, request: Request) -> bool:
    """Say a refusal beside its field, where it has one; everything typed is kept."""
    if not isinstance(refusal, Invalid) or refusal.detail.get("field") not in (*BESIDE, "video_name"):
        return False
    form.refused(refusal, language(request))
    return True
