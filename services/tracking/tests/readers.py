"""The people who read tracking's pages in its tests, and a town with five devices on their way."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from services.tracking.consumers import consumers
from services.tracking.tests import entries
from shared.entry import Entry, Event
from shared.events.erasure import Evidence, MediumDestroyed, Photo, Reason
from shared.events.refurb import Ready, Recycled, Spec, StepDone, Weight
from shared.ids import uuid7
from shared.levels import Level
from shared.testing import NOW, TOWN, WORKER, Service, recorded

SPEC = Spec(os="Windows 11", ssd_gb=240, memory_gb=8, office="LibreOffice", support_months=3)
NAMES = {"clerk": "阿部花子", "worker": "髙﨑健", "worker2": "小林実", "witness": "佐藤次郎", "approver": "高橋課長"}
PRIVATE = [*NAMES.values(), *NAMES, "PC-RICH", "RICH", "総務課", "A-RICH", "nvme.json", "秘密の理由"]


@dataclass(slots=True)
class Web:
    """One browser a person, without a bus: what was recorded is heard when the test says so."""

    client: httpx.AsyncClient
    tracking: Service
    tokens: dict[str, str]

    async def get(self, path: str, *, who: str = "", lang: str = "ja") -> httpx.Response:
        return await self.client.get(path, headers=self._as(who, lang))

    async def post(
        self, path: str, *, who: str = "", lang: str = "ja", files: Any = None, **fields: Any
    ) -> httpx.Response:
        self.client.cookies.clear()
        data = {"request": str(uuid7())} | fields
        sent = await self.client.post(path, data=data, files=files, headers=self._as(who, lang))
        await heard(self.tracking)
        return sent

    def _as(self, who: str, lang: str) -> dict[str, str]:
        self.client.cookies.clear()
        said = {"accept": "text/html", "accept-language": lang}
        return said | ({"authorization": f"Bearer {self.tokens[who]}"} if who else {})


@dataclass(slots=True)
class World:
    """Five devices, each at another place of its way."""

    engagement: UUID
    rich: Entry[Any]  # through everything to its new owner
    waiting: Entry[Any]  # refurbished, and the town has not taken it over
    bare: Entry[Any]  # only registered
    scrap: Entry[Any]  # recycled
    held: Entry[Any]  # registered, for what tests do to it

    @property
    def query(self) -> str:
        return f"town={TOWN}&engagement={self.engagement}"


async def heard(tracking: Service, *others: Entry[Any]) -> None:
    """Let tracking's consumers hear its own ledger and what other services said."""
    own = [
        Entry.read(entry.body, entry.salt)
        for entry in await tracking.rows("SELECT body, salt FROM entries ORDER BY recorded_at, stream, sequence")
    ]
    async with tracking.consuming() as tx:
        await consumers.handle(tx, [*own, *others])


def erased(item: Entry[Any], level: Level = Level.PURGE) -> Entry[Any]:
    """An erasure whose reason, report and witness no public page may name."""
    private = {
        "reasons": (Reason(code="x", ja="秘密の理由です。", en="A private reason."),),
        "evidence": Evidence(sha256="0" * 64, filename="nvme.json", tool="nvme-cli"),
        "witness": "witness",
    }
    return entries.erased(item, level, by=WORKER, **private)


def afterwards(item: Entry[Any], *, ready: bool) -> list[Entry[Any]]:
    """What the other services recorded about an item from crushing on."""
    known, medium = item.event, item.event.media[0]
    about: dict[str, Any] = {"item": known.item, "label": known.label}
    photo = Photo(sha256="1" * 64, role="after")
    destroyed = MediumDestroyed(
        medium=medium.id,
        serial=medium.serial,
        technique="crush",
        machine="M1",
        photos=(photo,),
        operator="worker",
        **about,
    )
    issued = entries.issued(item)
    events: list[tuple[Event, UUID]] = [(destroyed, uuid7()), (issued.event, issued.stream)]
    if ready:
        events += [(StepDone(item=known.item, step=step), uuid7()) for step in ("ssd", "os", "cleaning", "support")]
        events.append((Ready(item_kind=known.item_kind, grade="A", spec=SPEC, **about), uuid7()))
    else:
        weight = Weight(material="ferrous", kg=3.5)
        events.append((Recycled(weights=(weight,), manifest="N-1", operator="再資源", **about), uuid7()))
    return [
        recorded(event, stream=stream, by=WORKER, at=NOW + timedelta(minutes=nth))
        for nth, (event, stream) in enumerate(events)
    ]


async def token_of(tracking: Service, item: Entry[Any]) -> str:
    rows = await tracking.rows("SELECT token FROM labels WHERE item = :item", item=item.stream)
    token: str = rows[0].token
    return token
