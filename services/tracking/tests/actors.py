"""The people who use tracking's HTTP door in its tests, each with a token, and a town to act in."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import httpx

from shared.database import PLATFORM
from shared.entry import Entry
from shared.identity import Principal
from shared.ids import uuid7
from shared.testing import CENTRE, TOWN, Service

CARRIER, OTHER_CENTRE, OTHER_CARRIER = "carrier-yamabiko", "centre-other", "carrier-other"
FIRST, LAST = date(2026, 1, 1), date(2036, 1, 1)
HEADS = "物品番号,種別,メーカー,型名,製造番号,使用課,ネットワーク,機密性,リース会社,リース条項,媒体種別,媒体製造番号"
WHO = {
    "operator": Principal("operator", PLATFORM, frozenset({"platform-operator"}), "platform"),
    "admin": Principal("admin", TOWN, frozenset({"town-admin"})),
    "clerk": Principal("clerk", TOWN, frozenset({"clerk"})),
    "approver": Principal("approver", TOWN, frozenset({"approver"})),
    "worker": Principal("worker", CENTRE, frozenset({"worker"}), "centre"),
    "other": Principal("other", OTHER_CENTRE, frozenset({"worker"}), "centre"),
    "manager": Principal("manager", CENTRE, frozenset({"centre-manager"}), "centre"),
    "usurper": Principal("worker2", CENTRE, frozenset({"worker", "approver", "clerk", "town-admin"}), "centre"),
    "stranger": Principal("stranger", "centre-stranger", frozenset({"worker"}), "centre"),
}


@dataclass(slots=True)
class Api:
    """A client for each of the people, and what was founded."""

    client: httpx.AsyncClient
    tracking: Service
    tokens: dict[str, str]
    engagement: UUID
    other: UUID

    async def send(self, who: str, method: str, path: str, **given: Any) -> httpx.Response:
        """Send a request as one of the people."""
        headers = {"authorization": f"Bearer {self.tokens[who]}", "accept-language": given.pop("lang", "ja")}
        return await self.client.request(method, f"/api/tracking{path}", headers=headers, **given)

    async def do(self, who: str, path: str, *, status: int = 201, **body: Any) -> Any:
        """Write with a new request id, and expect a status."""
        params = {"town": body.pop("town")} if "town" in body else {}
        answer = await self.send(who, "POST", path, json={"request": str(uuid7())} | body, params=params)
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer.json()

    async def file_list(
        self, *lines: str, engagement: UUID | None = None, encoding: str = "cp932", **params: Any
    ) -> httpx.Response:
        """File a town's list."""
        content = "\n".join([HEADS, *lines]).encode(encoding)
        fields = {"engagement": str(engagement or self.engagement), "request": str(uuid7())}
        files = {"file": ("list.csv", content, "text/csv")}
        return await self.send("clerk", "POST", "/inventories", data=fields, files=files, params=params)

    async def items(self, *serials: str, engagement: UUID | None = None, lessor: str = "") -> list[str]:
        """Register one item for each serial; return the labels. Its own entries are heard, as over the bus."""
        lines = [line(serial, lessor=lessor) for serial in serials]
        answer = await self.file_list(*lines, engagement=engagement)
        assert answer.status_code == 201, answer.text
        return [one["label"] for one in answer.json()["items"]]

    async def entry(self, label: str) -> Entry[Any]:
        """Return an item's registration."""
        (found,) = await self.tracking.rows(
            "SELECT body, salt FROM entries JOIN items ON item = stream WHERE label = :l AND sequence = 1",
            l=label,
        )
        return Entry.read(found.body, found.salt)

    async def sealed(self, who: str, number: str, labels: list[str], engagement: UUID) -> str:
        """Seal a cage and return its id."""
        said: dict[str, Any] = {
            "engagement": str(engagement),
            "number": number,
            "seal": f"S-{number}",
            "labels": labels,
        }
        return str((await self.do(who, "/cages", town=TOWN, **said))["stream"])


def line(serial: str, *, zone: str = "個人番号利用事務系", lessor: str = "") -> str:
    clause = "8" if lessor else ""
    return f"A-{serial},デスクトップ,ミナト電機,MD-7100,PC-{serial},総務課,{zone},3,{lessor},{clause},HDD,{serial}"
