"""A certificate with a mistake is revoked and another stands in its place; each names the other, both files stay."""

from typing import Any

from services.certificates.order import read_input
from services.certificates.tests import sample
from services.certificates.tests.conftest import House, Web
from services.certificates.tests.test_loops import certificate, content, verified
from services.certificates.tests.world import Machine, card
from shared.events.tracking import MediumCorrected
from shared.ids import uuid7
from shared.testing import TOWN, recorded

pytestmark = sample.needs_fonts


async def issued(house: House, machine: Machine) -> None:
    told = machine.destroyed()
    await house.hear(machine.registered, machine.received(), told, house.log.notice(told))
    assert await house.issue() == 1


async def test_a_corrected_serial_is_on_the_certificate_that_takes_the_wrong_ones_place(house: House, web: Web) -> None:
    machine = Machine.new()
    await issued(house, machine)
    medium = machine.item.media[0]
    corrected = MediumCorrected(
        item=machine.item.item, medium=medium.id, field="serial", was=medium.serial, now="RIGHT-1", reason="誤読"
    )
    await house.hear(recorded(corrected, stream=machine.item.item, sequence=2))
    number, again = machine.number(), f"{machine.number()}-R2"
    body = {"request": str(uuid7()), "reason": "製造番号の読み違い", "code": "wrong-medium"}
    first, replay = [await web.post(f"/api/certificates/{number}/reissues", body) for _ in range(2)]
    assert (first.status_code, replay.status_code) == (201, 200)
    assert first.json() == replay.json()
    assert (await web.get(f"/api/certificates/{number}")).json()["replaced_by"] == again
    assert await house.issue() == 1
    row = await certificate(house, again)
    for kind in ("pdf", "json"):
        assert (await verified(row, kind)).ok
    assert (await verified(await certificate(house, number), "pdf")).ok, "its file stays as it was"
    given: Any = read_input(await content(row, "input"))
    assert (given.serial, given.serial_corrected) == (medium.serial, "RIGHT-1")
    assert (given.replaces.number, given.replaces.ja) == (number, "機器や記憶媒体の記載の誤り：製造番号の読み違い")
    assert again in (await web.page(f"/certificates/{number}")).text
    assert number in (await web.page(f"/certificates/{again}")).text
    public = (await web.page(f"/verify/{number}", who="")).text
    assert again in public
    assert "製造番号の読み違い" not in public, "what a person wrote stays in the house"
    assert number in (await web.page(f"/verify/{again}", who="")).text
    assert (await web.post(f"/api/certificates/{number}/reissues", body | {"request": str(uuid7())})).json()[
        "code"
    ] == "already-revoked"
    third = await web.post(f"/api/certificates/{again}/reissues", {"reason": "まだ誤り", "code": "other"})
    assert third.status_code == 201
    assert (await web.get(f"/api/certificates/{again}")).json()["replaced_by"] == f"{number}-R3"
    assert await house.issue() == 1


async def test_what_was_revoked_alone_can_be_given_a_replacement_later(house: House, web: Web) -> None:
    machine = Machine.new()
    await issued(house, machine)
    path = f"/certificates/{machine.number()}"
    form = {"request": str(uuid7()), "reason": "写真の取り違え", "code": "other", "then": "revoke"}
    assert (await web.send(f"{path}/revoke", form)).status_code == 303
    before = await certificate(house, machine.number())
    page = await web.page(path, who="manager")
    assert "再発行を記録する" in page.text
    later = {"request": str(uuid7()), "reason": "写真の取り違え", "then": "reissue"}
    answer = await web.send(f"{path}/revoke", later)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=reissued")
    after = await certificate(house, machine.number())
    assert (after.replaced_by, after.revoked_at) == (f"{machine.number()}-R2", before.revoked_at)
    assert await house.issue() == 1
    assert "再発行を記録する" not in (await web.page(path, who="manager")).text


async def test_an_erasures_replacement_stands_on_the_erasure_that_followed(house: House, web: Web) -> None:
    machine = Machine.erased_only()
    told, anew = machine.erased(), machine.erased(sequence=3)
    await house.hear(machine.registered, told, house.log.notice(told))
    assert await house.issue() == 1
    await house.hear(machine.looked_at(passed=False), anew, house.log.notice(anew))
    assert await house.issue() == 0, "a person decides"
    body = {"reason": "再確認で不合格", "code": "evidence-withdrawn"}
    assert (await web.post(f"/api/certificates/{machine.number('E')}/reissues", body)).status_code == 201
    assert await house.issue() == 1
    row = await certificate(house, f"{machine.number('E')}-R2")
    assert row.cited == anew.id
    assert (await verified(row, "pdf")).ok


async def test_a_tracking_certificate_waits_for_a_replacement_and_names_it(house: House, web: Web) -> None:
    machine = Machine.new()
    await issued(house, machine)
    told = machine.destroyed()
    await web.post(f"/api/certificates/{machine.number()}/reissues", {"reason": "宛先の誤り", "code": "wrong-party"})
    closed = machine.closed(machine.registered, machine.received(), told, certificates=[machine.number()])
    await house.hear(closed, house.log.notice(closed))
    assert await house.issue() == 2
    row = await certificate(house, machine.number("T"))
    given: Any = read_input(await content(row, "input"))
    assert [line.certificate for line in given.media] == [f"{machine.number()}-R2"]
    assert (await verified(row, "pdf")).ok


async def test_the_town_accepts_a_certificate_and_the_tracking_certificate_says_who(house: House, web: Web) -> None:
    machine = Machine.new()
    await issued(house, machine)
    await house.hear(card("admin", TOWN, "鈴木 一郎", "課長"))
    path = f"/api/certificates/{machine.number()}/validations"
    assert (await web.post(path, {"accepted": True}, who="manager")).status_code == 403
    assert (await web.post(path, {"accepted": False}, who="admin")).status_code == 422
    body = {"request": str(uuid7()), "accepted": True}
    first, replay = [await web.post(path, body, who="admin") for _ in range(2)]
    assert (first.status_code, replay.status_code) == (201, 200)
    assert (await web.post(path, {"accepted": True}, who="admin")).json()["code"] == "already-validated"
    assert "妥当と認めた" in (await web.page(f"/certificates/{machine.number()}")).text
    told = machine.destroyed()
    closed = machine.closed(machine.registered, machine.received(), told, certificates=[machine.number()])
    await house.hear(closed, house.log.notice(closed))
    assert await house.issue() == 1
    given: Any = read_input(await content(await certificate(house, machine.number("T")), "input"))
    (person,) = [one for one in given.people if one.role == "validated"]
    assert (person.name, person.title, person.place) == ("鈴木 一郎", "課長", "最上町")
    assert person.signed == f"{machine.number()} を妥当と認めた"
    form = {"request": str(uuid7()), "accepted": "no", "remark": "台数が合わない"}
    answer = await web.send(f"/certificates/{machine.number('T')}/validate", form, who="admin")
    assert answer.status_code == 303
    assert "台数が合わない" in (await web.page(f"/certificates/{machine.number('T')}")).text
    body = {"reason": "確認を載せる", "code": "amended"}
    assert (await web.post(f"/api/certificates/{machine.number('T')}/reissues", body)).status_code == 201
    assert await house.issue() == 1
    again = await certificate(house, f"{machine.number('T')}-R2")
    given = read_input(await content(again, "input"))
    assert [one.signed for one in given.people if one.role == "validated"] == [
        f"{machine.number()} を妥当と認めた",
        f"{machine.number('T')} を妥当と認めない：台数が合わない",
    ]
    assert (await verified(again, "pdf")).ok
