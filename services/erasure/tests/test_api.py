import hashlib
import json

import httpx

from services.erasure.tests.capture import session
from services.erasure.tests.conftest import item, photo, register
from shared.ids import uuid7
from shared.testing import Service

ROLES = ("identify", "before", "command", "after", "after")
FILES = (
    "nvme-id-ctrl.json",
    "nvme-sanitize-never.json",
    "",
    "nvme-sanitize-running.json",
    "nvme-sanitize-completed.json",
)


def proof(serial: str) -> bytes:
    """A whole session of an NVMe drive: purged by block erase."""
    return session(*zip(ROLES, FILES, strict=True)).replace(b"S64DNX0R900417", serial.encode())


async def drop(client: httpx.AsyncClient, content: bytes, **said: str) -> httpx.Response:
    files = {"file": ("session.json", content, "application/json")}
    return await client.post("/api/erasure/reports", files=files, data={"request": str(uuid7())} | said)


async def test_from_the_report_to_the_crushed_medium(erasure: Service, client: httpx.AsyncClient) -> None:
    registered = await register(erasure, item("S64DNX0R9A0001"))
    said = await drop(client, proof("S64DNX0R9A0001"))
    assert said.status_code == 201, said.text
    (drive,) = said.json()["drives"]
    assert (drive["label"], drive["achieved"], drive["sufficient"]) == (registered.label, "purge", True)

    before, after = photo(exif=True), photo()
    shots = {"before": ("b.jpg", before, "image/jpeg"), "after": ("a.jpg", after, "image/jpeg")}
    facts = {"request": str(uuid7()), "machine": "粉砕機 2号"}
    url = f"/api/erasure/media/{registered.label}/destructions"
    crushed = await client.post(url, files=shots, data=facts)
    assert crushed.status_code == 201, crushed.text
    again = await client.post(url, files=shots, data=facts)
    assert (again.status_code, again.json()) == (200, crushed.json())

    (seen,) = (await client.get(f"/api/erasure/media/{registered.label}")).json()
    assert (seen["achieved"], seen["destroyed"]) == ("purge", True)
    destroyed = seen["deeds"][-1]["data"]
    assert destroyed["conformant"]
    assert [one["sha256"] for one in destroyed["photos"]] == [hashlib.sha256(b).hexdigest() for b in (before, after)]
    assert destroyed["photos"][0]["taken_at"] == "2026-11-24T11:22:41+09:00"
    assert json.loads(json.dumps(seen)) == seen
