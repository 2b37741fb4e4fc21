"""How a destruction comes in: photos checked, compared with what the device said of them, kept; then recorded.

The original bytes are kept before the entry that names them; a process that dies in between leaves an orphan blob, and
the same request sent again does what is still missing.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import zip_longest
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import File, Form, UploadFile
from pydantic import AwareDatetime, Field
from starlette.datastructures import UploadFile as Upload

from services.erasure.commands import media
from services.erasure.commands.media import Which
from services.erasure.domain.medium import Remains, Technique
from services.erasure.intake import Words
from shared import photos
from shared.database import Transaction
from shared.door import Ask, Door, Found, scanned, unknown
from shared.entry import Entry
from shared.events.erasure import Photo, Tray, Video
from shared.identity import Principal
from shared.ids import Label, derived
from shared.refused import Invalid

PHOTOS_MAX = 4  # of one destruction
TRAY_MAX = 50  # media in one picture: more cannot be told apart in it
PARTICLE_MM_MIN, PARTICLE_MM_MAX = 0.1, 500.0
DURATION_S_MAX = 7 * 24 * 3600  # of one recording
SHA256 = r"^[0-9a-f]{64}$"
SECURITY_CLASS = r"^[FHEOPT]-[1-7]$"  # DIN 66399-1:2012, ISO/IEC 21964-1:2018: category of medium, level

Stated = Annotated[str, Form(pattern=SHA256)]
Taken = Annotated[AwareDatetime, Field(ge=photos.TAKEN_FROM, le=photos.TAKEN_UNTIL)]
Role = Literal["before", "after"]
Shot = tuple[Role, bytes, datetime | None, str | None]  # with when it was taken, and the hash the device stated


class Telling(Ask):
    """What was said of a destruction besides the photos."""

    technique: Technique = "crush"
    machine: Words
    witness: Words | None = None
    removed: bool | None = None  # out of its chassis, said now
    particle_mm: float | None = Field(default=None, ge=PARTICLE_MM_MIN, le=PARTICLE_MM_MAX)
    security_class: str | None = Field(default=None, pattern=SECURITY_CLASS)
    video_name: Words | None = None
    video_place: Words | None = None
    video_sha256: str | None = Field(default=None, pattern=SHA256)
    video_duration_s: int | None = Field(default=None, ge=1, le=DURATION_S_MAX)

    @property
    def video(self) -> Video | None:
        """The recording, None when none was named. Raises Invalid for half a reference: it could never be checked."""
        said = (self.video_name, self.video_place, self.video_sha256, self.video_duration_s)
        if not any(said):
            return None
        if not all(said):
            raise Invalid(
                "video",
                "動画は、名前・保管場所・SHA-256・長さの4つをそろえて入れてください。",
                "A video needs its name, where it is kept, its SHA-256 and its duration: all four.",
                field="video_name",
            )
        return Video.model_validate(dict(zip(("name", "place", "sha256", "duration_s"), said, strict=True)))


class Destruction(Telling):
    """All that was asked: which medium and which photos, by their hashes. What a replay must repeat."""

    label: str
    serial: str | None
    index: int | None
    photos: tuple[Photo, ...]


class Trayful(Telling):
    """The same for a tray."""

    labels: tuple[str, ...]
    serials: tuple[str, ...]
    photos: tuple[Photo, ...]


# ── what a request says ───────────────────────────────────────────────────────────────────────────────────────────────


async def given_telling(
    *,
    request: Annotated[UUID, Form()],
    machine: Annotated[Words, Form()],
    technique: Annotated[Technique, Form()] = "crush",
    witness: Annotated[Words | None, Form()] = None,
    removed: Annotated[bool | None, Form()] = None,
    particle_mm: Annotated[float | None, Form(ge=PARTICLE_MM_MIN, le=PARTICLE_MM_MAX)] = None,
    security_class: Annotated[str | None, Form(pattern=SECURITY_CLASS)] = None,
    video_name: Annotated[Words | None, Form()] = None,
    video_place: Annotated[Words | None, Form()] = None,
    video_sha256: Annotated[str | None, Form(pattern=SHA256)] = None,
    video_duration_s: Annotated[int | None, Form(ge=1, le=DURATION_S_MAX)] = None,
    captured_at: Annotated[AwareDatetime | None, Form()] = None,
    sent_at: Annotated[AwareDatetime | None, Form()] = None,
) -> Telling:
    """Take the facts of a destruction out of a form."""
    said = {name: value for name, value in locals().items() if value is not None}
    return Telling.model_validate(said)


async def given_shots(
    *,
    before: Annotated[list[UploadFile], File()] = [],  # noqa: B006 - FastAPI copies it
    after: Annotated[list[UploadFile], File()] = [],  # noqa: B006 - FastAPI copies it
    before_taken_at: Annotated[list[Taken], Form()] = [],  # noqa: B006 - FastAPI copies it
    after_taken_at: Annotated[list[Taken], Form()] = [],  # noqa: B006 - FastAPI copies it
    before_sha256: Annotated[list[Stated], Form()] = [],  # noqa: B006 - FastAPI copies it
    after_sha256: Annotated[list[Stated], Form()] = [],  # noqa: B006 - FastAPI copies it
) -> list[Shot]:
    """Take the photos out of a form, each with when it was taken and the hash that the device stated."""
    return [
        *await shots("before", before, before_taken_at, before_sha256),
        *await shots("after", after, after_taken_at, after_sha256),
    ]


async def shots(role: Role, files: Iterable[Upload], taken: Sequence[datetime], stated: Sequence[str]) -> list[Shot]:
    """Read photos of one role; times and hashes belong to them in their order."""
    given = [await file.read() for file in files]
    beside = zip_longest(given, taken[: len(given)], stated[: len(given)])
    return [(role, content, at, sha256) for content, at, sha256 in beside]


def listed(lines: Iterable[str]) -> list[tuple[Label, str | None]]:
    """Read the list of a tray: a label a line, with the serial behind it where the device has several media.

    The same line twice is one medium: a scanner reads twice. Raises Invalid for none, too many, or a bad label.
    """
    found: dict[tuple[str, str | None], tuple[Label, str | None]] = {}
    for line in lines:
        label, _, serial = line.strip().partition(" ")
        if label:
            one = (scanned(label), serial.strip() or None)
            found.setdefault((one[0].id, one[1]), one)
    if not 1 <= len(found) <= TRAY_MAX:
        raise Invalid(
            "tray",
            f"トレーの媒体は1つから{TRAY_MAX}つまでです。ラベルを読み取るか、写真を分けてください。",
            f"A tray holds one to {TRAY_MAX} media. Scan their labels, or take the picture in parts.",
            field="media",
        )
    return list(found.values())


# ── one medium, or a tray of them ─────────────────────────────────────────────────────────────────────────────────────


async def crush(
    door: Door, who: Principal, media: Label, which: Which, *, given: Sequence[Shot], told: Telling
) -> Entry[Any]:
    """Check and keep the photos, then record the destruction. Raises Invalid for what is no photo."""
    _check(given, told)
    found = await door.resolve(media, who)
    kept = await _keep(found.tenant, given)
    said = told.model_dump(exclude_unset=True)
    ask = Destruction(label=media.id, serial=which.serial, index=which.index, photos=kept, **said)
    do = _recording([(found.item, which)], told, kept, None)
    (entry,) = await door.act(found.tenant, who, do, ask=ask, device=found.item)
    return entry


async def crush_tray(
    door: Door, who: Principal, media: Sequence[tuple[Label, str | None]], *, given: Sequence[Shot], told: Telling
) -> list[Entry[Any]]:
    """Do the same for several media in one picture: all of them are recorded or none.

    Raises Unknown for a label that is nobody's, Invalid for media of several towns: a picture is one town's.
    """
    _check(given, told)
    found = await door.resolve_all([label for label, _ in media], who)
    for label, _ in media:
        if label.id not in found:
            raise unknown(label)
    town = _one_town(media, found)
    kept = await _keep(town, given)
    labels = tuple(dict.fromkeys(label.id for label, _ in media))
    serials = tuple(serial or "" for _, serial in media)
    ask = Trayful(labels=labels, serials=serials, photos=kept, **told.model_dump(exclude_unset=True))
    several = [(found[label.id].item, Which(serial)) for label, serial in media]
    do = _recording(several, told, kept, Tray(tray=derived(told.request, "tray"), labels=labels))
    return await door.act(town, who, do, ask=ask)


def _one_town(media: Sequence[tuple[Label, str | None]], found: dict[str, Found]) -> str:
    first = found[media[0][0].id].tenant
    if others := [str(label) for label, _ in media if found[label.id].tenant != first]:
        raise Invalid(
            "several-towns",
            f"ほかの町の媒体が混ざっています（{'、'.join(others)}）。町ごとにトレーを分けてください。",
            f"Media of another town are among them ({', '.join(others)}). Take one tray for each town.",
            field="media",
        )
    return first


def _recording(
    several: Sequence[tuple[UUID, Which]], told: Telling, kept: tuple[Photo, ...], tray: Tray | None
) -> Callable[[Transaction], Awaitable[list[Entry[Any]]]]:
    """Return what happens in the transaction: out of their chassis, where that is said only now, then crushed."""
    remains = Remains(told.particle_mm, told.security_class, tray, told.video)

    async def record(tx: Transaction) -> list[Entry[Any]]:
        if told.removed:
            out = replace(tx, request=Ask(request=derived(told.request, "removed")).identity)
            for item, which in several:
                await media.remove(out, item, which)
        return await media.destroy_all(
            tx,
            several,
            technique=told.technique,
            machine=told.machine,
            photos=kept,
            witness=told.witness,
            remains=remains,
        )

    return record


def _check(given: Sequence[Shot], told: Telling) -> None:
    """Raise Invalid for too few or too many photos, for one that is not what the device took, for half a video."""
    if not 1 <= len(given) <= PHOTOS_MAX:
        raise Invalid(
            "photos",
            f"写真は1枚から{PHOTOS_MAX}枚までです。粉砕の前後を撮って送ってください。",
            f"One to {PHOTOS_MAX} photos are needed. Take them before and after.",
            field="photos",
        )
    for _, content, _, stated in given:
        if stated and hashlib.sha256(content).hexdigest() != stated:
            raise Invalid(
                "photo-altered",
                "届いた写真が、撮った端末で計算した値（SHA-256）と違います。途中で変わったので、撮り直してください。",
                "What arrived has not the SHA-256 that the device computed: it changed on the way. Take it again.",
                field="photos",
            )
    _ = told.video


async def _keep(town: str, given: Sequence[Shot]) -> tuple[Photo, ...]:
    originals = await photos.keep(town, [content for _, content, _, _ in given])
    return tuple(
        Photo(
            sha256=one.sha256,
            copy_sha256=one.copy_sha256,
            role=role,
            taken_at=at or one.taken_at,
            hashed_on_device=True if stated else None,
        )
        for (role, _, at, stated), one in zip(given, originals, strict=True)
    )
