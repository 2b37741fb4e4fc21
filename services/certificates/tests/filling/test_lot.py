"""One document about many certificates: asked for by a person, proved by the log, made once."""

import io
import json
from hashlib import sha256
from typing import Any

import pikepdf
import pytest

from services.certificates import waiting
from services.certificates.document.inputs import LotInput
from services.certificates.order import read_input
from services.certificates.tests import sample
from services.certificates.tests.conftest import House, Web
from services.certificates.tests.test_loops import CRASHES, certificate, content, dying, verified
from services.certificates.tests.world import OTHER_ENGAGEMENT, Machine, opened
from shared import blobs
from shared.entry import Entry
from shared.ids import uuid7
from shared.testing import CENTRE, TOWN, recorded

pytestmark = sample.needs_fonts


@pytest.fixture
async def machines(house: House) -> list[Machine]:
    """Two machines of a contract of their own, one certified twice over, one by its erasure."""
    contract = uuid7()
    crushed, wiped = Machine.new(engagement=contract), Machine.erased_only(engagement=contract)
    told = [crushed.destroyed(), wiped.erased()]
    closed = crushed.closed(crushed.registered, told[0], certificates=[crushed.number()])
    await house.hear(recorded(opened(contract, TOWN, CENTRE)), crushed.registered, wiped.registered, *told, closed)
    await house.hear(house.log.notice(*told, closed))
    assert await house.issue() == 3
    return [crushed, wiped]


async def proved(house: House, stream: str) -> Entry[Any]:
    """Let the log prove the entry that asks for a lot."""
    (row,) = await house.rows(
        "SELECT body, salt FROM entries WHERE stream = :s AND kind = 'certificates.lot-requested.v1'", s=stream
    )
    entry: Entry[Any] = Entry.read(bytes(row.body), bytes(row.salt))
    await house.hear(house.log.notice(entry))
    return entry


async def test_a_lot_lists_every_certificate_that_stands_with_its_hashes_and_verifies(
    house: House, web: Web, machines: list[Machine]
) -> None:
    crushed, wiped = machines
    body = {"request": str(uuid7()), "engagement": str(crushed.item.engagement), "town": TOWN}
    first, replay = [await web.post("/api/certificates/lots", body) for _ in range(2)]
    assert (first.status_code, replay.status_code) == (201, 200)
    assert first.json() == replay.json()
    assert await house.issue() == 0, "the log has not proved it yet"
    asked = await proved(house, first.json()["stream"])
    assert await house.issue() == 1
    number = asked.event.number
    assert number.startswith("L-")
    row = await certificate(house, number)
    for kind in ("pdf", "json"):
        verdict = await verified(row, kind)
        assert verdict.ok, verdict
        assert [check.status for check in verdict.checks] == ["ok", "ok", "ok", "not-applicable", "ok"]
    given: Any = read_input(await content(row, "input"))
    wanted = {crushed.number(), crushed.number("T"), wiped.number("E")}
    assert {line.number for line in given.lines} == wanted
    for line in given.lines:
        single = await certificate(house, line.number)
        assert (line.pdf_sha256, line.json_sha256) == (single.pdf_sha256, single.json_sha256)
        assert sha256(await blobs.get(TOWN, line.pdf_sha256)).hexdigest() == line.pdf_sha256
    with pikepdf.open(io.BytesIO(await content(row, "pdf"))) as pdf:
        assert pdf.open_metadata()["pdfaid:part"] == "3"
    page = await web.page(f"/certificates/{number}")
    assert page.status_code == 200
    assert (await web.get(f"/certificates/{number}.pdf")).status_code == 200
    assert (await web.get(f"/certificates/{number}.pdf", who="stranger")).status_code == 404
    assert "一括証明書" in (await web.page(f"/verify/{number}", who="")).text
    overview = (await web.get(f"/api/certificates?kind=lot&engagement={crushed.item.engagement}")).json()
    assert [one["number"] for one in overview["certificates"]] == [number]


async def test_a_changed_line_is_found_even_when_an_issuer_signs_it(
    house: House, web: Web, machines: list[Machine]
) -> None:
    from verifier.tests import sample as liar
    from verifier.verification import verify_bytes

    answer = await web.post("/api/certificates/lots", {"engagement": str(machines[0].item.engagement), "town": TOWN})
    asked = await proved(house, answer.json()["stream"])
    assert await house.issue() == 1
    document = json.loads(await content(await certificate(house, asked.event.number), "json"))
    document["credentialSubject"]["lines"][0]["pdf_sha256"] = "0" * 64
    checks = {check.name: check for check in verify_bytes("l.json", liar.resigned(document), liar.TRUSTED_LIAR).checks}
    assert checks["completeness"].status == "failed"
    assert "list_sha256" in checks["completeness"].en


async def test_chosen_items_alone_are_listed_and_what_is_revoked_is_not(
    house: House, web: Web, machines: list[Machine]
) -> None:
    crushed, wiped = machines
    revoked = await web.post(f"/api/certificates/{crushed.number('T')}/revocations", {"reason": "誤り"})
    assert revoked.status_code == 201
    whole = {"engagement": str(crushed.item.engagement), "town": TOWN}
    for items, count in (([wiped.item.label], 1), ([], 2)):
        answer = await web.post("/api/certificates/lots", whole | {"items": items})
        assert (await proved(house, answer.json()["stream"])).event.lines == count
    assert await house.issue() == 2
    unknown = await web.post("/api/certificates/lots", whole | {"items": [Machine.new().item.label]})
    assert unknown.status_code == 404


@pytest.fixture(scope="module")
async def certified(house: House) -> Machine:
    """A machine of a contract of its own, its destruction certified."""
    machine = Machine.new(engagement=uuid7())
    told = machine.destroyed()
    await house.hear(recorded(opened(machine.item.engagement, TOWN, CENTRE)), machine.registered, told)
    await house.hear(house.log.notice(told))
    assert await house.issue() == 1
    return machine


@pytest.mark.parametrize("crash", CRASHES)
async def test_wherever_the_issuer_of_a_lot_dies_there_is_one_issued(
    house: House, web: Web, certified: Machine, crash: str
) -> None:
    whole = {"engagement": str(certified.item.engagement), "town": TOWN}
    asked = await proved(house, (await web.post("/api/certificates/lots", whole)).json()["stream"])
    await dying(house, asked.event.number, crash)


async def test_a_lot_that_is_wrong_is_replaced_by_what_stands_now_and_both_papers_stay(
    house: House, web: Web, machines: list[Machine]
) -> None:
    crushed, wiped = machines
    whole = {"engagement": str(crushed.item.engagement), "town": TOWN}
    asked = await proved(house, (await web.post("/api/certificates/lots", whole)).json()["stream"])
    await house.issue()
    number = asked.event.number
    again, page, path = f"{number}-R2", f"/certificates/{number}", f"/api/certificates/{number}/reissues"
    assert (await web.post(path, {"reason": " "})).status_code == 422
    single = f"/api/certificates/{wiped.number('E')}/reissues"
    assert (await web.post(single, {"reason": "宛先の誤り", "code": "wrong-party"})).status_code == 201
    await house.issue()
    form = {"request": str(uuid7()), "reason": "消去証明書が替わった", "code": "amended", "then": "reissue"}
    first, replay = [await web.send(f"{page}/revoke", form) for _ in range(2)]
    assert first.status_code == replay.status_code == 303, first.text
    assert (await web.post(path, {"reason": "もう一度"})).json()["code"] == "already-revoked"
    (row,) = await house.rows("SELECT certificate, number FROM certificates WHERE replaces = :n", n=number)
    assert row.number == again
    entry = await proved(house, str(row.certificate))
    assert (entry.event.replaces, entry.event.lines) == (number, 3)
    await dying(house, again, "after render")
    old, new = await certificate(house, number), await certificate(house, again)
    for one in (old, new):
        for kind in ("pdf", "json"):
            assert (await verified(one, kind)).ok, "each is true of its day"
    before, after = [read_input(await content(one, "input")) for one in (old, new)]
    assert isinstance(before, LotInput)
    assert isinstance(after, LotInput)
    assert {line.number for line in before.lines} - {line.number for line in after.lines} == {wiped.number("E")}
    assert {line.number for line in after.lines} - {line.number for line in before.lines} == {f"{wiped.number('E')}-R2"}
    assert before.label == after.label
    assert after.replaces
    assert (after.replaces.number, after.replaces.ja) == (
        number,
        "あとから加わった記録を載せるための再発行：消去証明書が替わった",
    )
    assert again in (await web.page(page)).text
    assert number in (await web.page(f"/certificates/{again}")).text
    assert again in (await web.page(f"/verify/{number}", who="")).text
    assert (await web.get(f"{page}.pdf")).status_code == 200, "the paper that was handed over stays"


async def test_a_lot_of_which_nothing_stands_is_revoked_without_another(
    house: House, web: Web, machines: list[Machine]
) -> None:
    whole = {"engagement": str(machines[0].item.engagement), "town": TOWN, "items": [machines[1].item.label]}
    asked = await proved(house, (await web.post("/api/certificates/lots", whole)).json()["stream"])
    await house.issue()
    number, single = asked.event.number, machines[1].number("E")
    assert (await web.post(f"/api/certificates/{single}/revocations", {"reason": "誤り"})).status_code == 201
    refused = await web.post(f"/api/certificates/{number}/reissues", {"reason": "誤り"})
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing-stands")
    assert (await certificate(house, number)).revoked_at is None
    assert (await web.post(f"/api/certificates/{number}/revocations", {"reason": "誤り"})).status_code == 201


async def test_who_may_ask_and_what_there_must_be_to_list(house: House, web: Web, machines: list[Machine]) -> None:
    path, whole = "/api/certificates/lots", {"engagement": str(machines[0].item.engagement), "town": TOWN}
    assert (await web.post(path, whole, who="worker")).status_code == 403
    assert (await web.post(path, whole, who="stranger")).status_code == 403
    assert (await web.post(path, whole | {"engagement": str(OTHER_ENGAGEMENT)})).json()["code"] == "nothing-issued"
    assert (await web.post(path, whole | {"engagement": str(uuid7())})).json()["code"] == "nothing-issued"
    form = whole | {"request": str(uuid7())}
    answer = await web.send("/certificates/lots", form, who="clerk")
    assert answer.status_code == 303
    listed = await web.page(answer.headers["location"])
    assert "一括証明書を依頼しました" in listed.text
    asked = await house.rows(
        "SELECT certificate, number FROM certificates WHERE kind = 'lot' AND lot_of = :e", e=machines[0].item.engagement
    )
    assert [one.number in listed.text for one in asked] == [True]
    assert (await web.send("/certificates/lots", form | {"engagement": "x"}, who="clerk")).status_code == 422
    refused = await web.post(f"/api/certificates/{asked[0].number}/reissues", {"reason": "誤り"})
    assert refused.status_code == 409


async def test_an_order_of_a_lot_stands_on_the_entry_that_asks_for_it(
    house: House, web: Web, machines: list[Machine]
) -> None:
    answer = await web.post("/api/certificates/lots", {"engagement": str(machines[0].item.engagement), "town": TOWN})
    asked = await proved(house, answer.json()["stream"])
    async with house.made.consumer.connect() as connection:
        (order,) = [one for one in await waiting.open_orders(connection, 100) if one.number == asked.event.number]
    assert (order.kind, order.engagement, order.cited) == ("lot", machines[0].item.engagement, asked.id)
    assert await house.issue() == 1
    assert await house.issue() == 0
