"""The signed list of revocations: fresh when there is news and once a day, read by everybody, checked offline."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

from services.certificates import commands, keys, revocations
from services.certificates.pressroom import PressRoom
from services.certificates.tests import sample
from services.certificates.tests.conftest import House, Web
from services.certificates.tests.test_loops import certificate, content, destroyed
from services.certificates.tests.world import Machine
from shared.settings import settings
from verifier.keys import Keys
from verifier.revocation_list import Revocations
from verifier.verification import verify_bytes

pytestmark = sample.needs_fonts

AT = datetime(2026, 11, 30, 1, 0, 0, 123, tzinfo=UTC)


async def renew(house: House, at: datetime) -> bool:
    known = house.made.settings
    if house.room is None:
        house.room = PressRoom(sample.FOLDER, known.keys, known.log_origin)
    return await revocations.renew(house.made.consumer, house.room, known.origin, at)


async def read(web: Web) -> Revocations:
    answer = await web.get("/certificates/revoked.json", who="")
    assert answer.status_code == 200
    return Revocations.parse(answer.content, Keys.parse(keys.trusted(settings().keys)), AT)


async def test_the_list_is_new_when_there_is_news_or_it_is_a_day_old_and_only_then(house: House, web: Web) -> None:
    assert (await web.get("/certificates/revoked.json", who="")).json()["code"] == "no-list-yet"
    assert [await renew(house, AT) for _ in range(2)] == [True, False]
    assert (await read(web)).revoked == {}
    machine = Machine.new()
    await destroyed(house, machine)
    assert await house.issue() == 1
    row = await certificate(house, machine.number())
    async with house.made.acting() as tx:
        await commands.revoke(tx, row.certificate, "高橋さんの写真でした", "wrong-medium")
    assert [await renew(house, AT) for _ in range(2)] == [True, False]
    known = await read(web)
    assert known.issued_at == AT.replace(microsecond=0)
    assert known.next_update == known.issued_at + revocations.LIFETIME
    assert known.revoked.keys() == {machine.number(), row.pdf_sha256, row.json_sha256}
    body = (await web.get("/certificates/revoked.json", who="")).text
    assert "高橋" not in body, "what a person wrote may name somebody"
    assert "機器や記憶媒体の記載の誤り" in body
    trusted = Keys.parse(keys.trusted(settings().keys))
    for kind in ("pdf", "json"):
        file = await content(row, kind)
        verdict = await asyncio.to_thread(verify_bytes, f"c.{kind}", file, trusted, revocations=known)
        assert verdict.standing
        assert (verdict.standing.state, verdict.ok) == ("revoked", False)
    assert await renew(house, AT + timedelta(hours=25))
    numbers = await house.rows("SELECT number FROM revoked_lists ORDER BY number")
    assert [one.number for one in numbers] == [1, 2, 3]


async def test_a_replacement_is_on_the_list(house: House, web: Web) -> None:
    machine = Machine.new()
    await destroyed(house, machine)
    assert await house.issue() == 1
    body = {"reason": "宛先の誤り", "code": "wrong-party"}
    assert (await web.post(f"/api/certificates/{machine.number()}/reissues", body)).status_code == 201
    assert await renew(house, AT + timedelta(hours=26))
    document = json.loads((await web.get("/certificates/revoked.json", who="")).content)
    (line,) = [one for one in document["credentialSubject"]["revoked"] if one["number"] == machine.number()]
    assert line["replaced_by"] == f"{machine.number()}-R2"


async def test_old_lists_are_let_go_and_two_workers_leave_one_list_a_number(house: House, web: Web) -> None:
    for day in range(revocations.KEPT + 5):
        await renew(house, AT + timedelta(days=30 + 2 * day))
    numbers = [one.number for one in await house.rows("SELECT number FROM revoked_lists ORDER BY number")]
    assert len(numbers) == revocations.KEPT
    assert numbers == list(range(numbers[0], numbers[0] + revocations.KEPT))
    assert (await read(web)).issued_at > AT
