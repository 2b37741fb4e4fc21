import csv
import io
import zipfile
from pathlib import Path

import pytest

from services.certificates.tests import sample
from services.certificates.tests.conftest import House, Web
from services.certificates.tests.world import ENGAGEMENT, Machine, opened
from shared.events.tracking import EngagementEnded
from shared.ids import uuid7
from shared.settings import settings
from shared.testing import CENTRE, OTHER_TOWN, TOWN, recorded
from verifier.keys import Keys

pytestmark = sample.needs_fonts


def listed(archive: zipfile.ZipFile) -> list[dict[str, str]]:
    return list(csv.DictReader(archive.read("list.csv").decode("utf-8-sig").splitlines()))


@pytest.fixture(scope="module")
async def issued(house: House) -> Machine:
    machine = Machine.new()
    destroyed = machine.destroyed()
    await house.hear(machine.registered, machine.received(), destroyed, house.log.notice(destroyed))
    await house.issue()
    return machine


async def test_the_list_is_of_one_town_and_can_be_narrowed(house: House, web: Web, issued: Machine) -> None:
    waiting = Machine.new()
    theirs = Machine.new(tenant=OTHER_TOWN)
    await house.hear(waiting.registered, waiting.destroyed(), theirs.registered, theirs.destroyed())
    listed = (await web.get("/api/certificates")).json()
    states = {row["number"]: row["state"] for row in listed["certificates"]}
    assert states[issued.number()] == "issued"
    assert states[waiting.number()] == "requested"
    assert theirs.number() not in states
    assert listed["next"] is None
    narrowed = [
        ("state=issued", issued.number()),
        (f"item={waiting.item.label}", waiting.number()),
        (f"kind=destruction&engagement={ENGAGEMENT}&state=requested", waiting.number()),
    ]
    for query, number in narrowed:
        found = (await web.get(f"/api/certificates?town={TOWN}&{query}", who="manager")).json()["certificates"]
        assert [row["number"] for row in found] == [number]
    assert (await web.get(f"/api/certificates?town={OTHER_TOWN}")).status_code == 403
    assert (await web.get("/api/certificates", who="")).status_code == 401
    assert (await web.get("/api/certificates?state=odd")).status_code == 422


async def test_the_overview_counts_what_is_owed_and_what_came(house: House, web: Web, issued: Machine) -> None:
    other = Machine.new(media=2)
    await house.hear(other.registered, other.received())
    seen = (await web.get(f"/api/certificates/overview?town={TOWN}", who="worker")).json()
    assert seen["kinds"]["destruction"]["issued"] == 1
    owed = {row["kind"]: row for row in seen["deadlines"]}
    assert (owed["destruction"]["owed"], owed["destruction"]["issued"], owed["destruction"]["missing"]) == (3, 1, 2)
    assert (owed["tracking"]["owed"], owed["tracking"]["missing"]) == (2, 2)
    assert owed["tracking"]["due_on"] == "2027-01-05"
    assert issued.item.engagement == ENGAGEMENT


async def test_files_go_to_the_town_and_its_centre_and_to_nobody_else(house: House, web: Web, issued: Machine) -> None:
    number = issued.number()
    for who in ("clerk", "manager", "worker"):
        pdf = await web.get(f"/certificates/{number}.pdf", who=who)
        assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
        assert pdf.content.startswith(b"%PDF-1.7")
    assert (await web.get(f"/certificates/{number.lower()}.json")).json()["credentialSubject"]["number"] == number
    for who, status in (("stranger", 404), ("", 401)):
        for kind in ("pdf", "json"):
            assert (await web.get(f"/certificates/{number}.{kind}", who=who)).status_code == status
    waiting = Machine.new()
    await house.hear(waiting.registered, waiting.destroyed())
    assert (await web.get(f"/certificates/{waiting.number()}.pdf")).status_code == 409
    assert (await web.get(f"/certificates/{Machine.new().number()}.pdf")).status_code == 404
    assert (await web.get("/certificates/odd.pdf")).status_code == 422


async def test_a_file_that_was_damaged_in_the_store_is_never_handed_out(house: House, web: Web) -> None:
    machine = Machine.new()
    destroyed = machine.destroyed()
    await house.hear(machine.registered, destroyed, house.log.notice(destroyed))
    await house.issue()
    sha256 = (await web.get(f"/api/certificates/{machine.number()}")).json()["json_sha256"]
    stored = stored_at(sha256)
    kept = stored.read_bytes()
    stored.write_bytes(b"{}")
    answer = await web.get(f"/certificates/{machine.number()}.json")
    stored.write_bytes(kept)
    assert (answer.status_code, answer.json()["code"]) == (409, "file-lost")


def stored_at(sha256: str) -> Path:
    return Path(settings().blobs.removeprefix("file://")) / TOWN / sha256[:2] / sha256


async def test_a_lot_goes_on_without_a_lost_file_and_its_list_names_it(house: House, web: Web) -> None:
    machines = [Machine.new() for _ in range(2)]
    for machine in machines:
        destroyed = machine.destroyed()
        await house.hear(machine.registered, destroyed, house.log.notice(destroyed))
    await house.issue()
    sha256 = (await web.get(f"/api/certificates/{machines[0].number()}")).json()["pdf_sha256"]
    kept = stored_at(sha256).read_bytes()
    stored_at(sha256).unlink()
    answer = await web.get("/certificates/all.zip")
    stored_at(sha256).write_bytes(kept)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        said = {row["証明書番号"]: row["備考"] for row in listed(archive)}
    assert f"{machines[0].number()}.pdf" not in names
    assert f"{machines[0].number()}.json" in names
    assert f"{machines[1].number()}.pdf" in names
    assert "PDFのファイルが保管庫にない" in said.pop(machines[0].number())
    assert set(said.values()) == {""}


async def test_a_store_that_does_not_answer_is_said_to_be_busy_and_never_a_lost_file(house: House, web: Web) -> None:
    machine = Machine.new()
    destroyed = machine.destroyed()
    await house.hear(machine.registered, destroyed, house.log.notice(destroyed))
    await house.issue()
    folder = Path(settings().blobs.removeprefix("file://")) / TOWN
    aside = folder.rename(folder.with_name("aside"))
    folder.write_bytes(b"no folder: the store's own fault, and not a missing file")
    answers = [await web.get(path) for path in (f"/certificates/{machine.number()}.pdf", "/certificates/all.zip")]
    folder.unlink()
    aside.rename(folder)
    assert [answer.status_code for answer in answers] == [503, 503]
    assert (await web.get("/certificates/all.zip")).status_code == 200


async def test_the_public_learns_the_state_of_a_number_and_no_more(web: Web, issued: Machine) -> None:
    full = (await web.get(f"/api/certificates/{issued.number()}")).json()
    assert full["pdf_sha256"]
    for who in ("", "stranger"):
        told = (await web.get(f"/api/certificates/{issued.number()}", who=who)).json()
        assert sorted(told) == ["issued_at", "kind", "number", "replaced_by", "replaces", "state"]
        assert (told["state"], told["kind"]) == ("issued", "destruction")
    assert (await web.get(f"/api/certificates/{Machine.new().number()}", who="")).status_code == 404


async def test_a_lot_comes_as_one_zip_that_holds_every_issued_file_and_a_list(house: House, web: Web) -> None:
    machines = [Machine.new() for _ in range(3)]
    for machine in machines:
        destroyed = machine.destroyed()
        await house.hear(machine.registered, destroyed, house.log.notice(destroyed))
    await house.issue()
    answer = await web.get(f"/certificates/all.zip?town={TOWN}&engagement={ENGAGEMENT}", who="manager")
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        for machine in machines:
            one = (await web.get(f"/certificates/{machine.number()}.pdf")).content
            assert archive.read(f"{machine.number()}.pdf") == one
            assert f"{machine.number()}.json" in names
        assert len(listed(archive)) == (len(names) - 1) // 2
    assert (await web.get(f"/certificates/all.zip?engagement={uuid7()}")).status_code == 409
    assert (await web.get(f"/certificates/all.zip?town={TOWN}", who="stranger")).status_code == 403


async def test_the_public_keys_are_public_and_read_as_a_key_file(web: Web) -> None:
    answer = await web.get("/certificates/keys.txt", who="")
    known = Keys.parse(answer.text)
    assert len(known.credentials) == len(known.certificates) == 1
    assert "PRIVATE" not in answer.text
    assert (settings().keys / "certificates.keys").read_text() == answer.text


async def test_a_revoked_certificate_is_not_delivered_any_more(house: House, web: Web) -> None:
    machine = Machine.new(engagement=uuid7())
    destroyed = machine.destroyed()
    deal = opened(machine.item.engagement, TOWN, CENTRE)
    await house.hear(recorded(deal), machine.registered, machine.received(), destroyed, house.log.notice(destroyed))
    await house.issue()
    path = f"/api/certificates/overview?town={TOWN}&engagement={machine.item.engagement}"

    async def counted() -> tuple[int, int, int]:
        rows = (await web.get(path)).json()["deadlines"]
        (one,) = [row for row in rows if row["kind"] == "destruction"]
        return one["owed"], one["issued"], one["missing"]

    assert await counted() == (1, 1, 0)
    revoked = await web.post(f"/api/certificates/{machine.number()}/revocations", {"reason": "製造番号の誤り"})
    assert revoked.status_code == 201
    assert await counted() == (1, 0, 1)


async def test_a_revocation_needs_the_manager_and_a_reason_and_is_said_once(house: House, web: Web) -> None:
    machine = Machine.new()
    destroyed = machine.destroyed()
    await house.hear(machine.registered, destroyed)
    path = f"/api/certificates/{machine.number()}"
    early = await web.post(f"{path}/revocations", {"reason": "誤り"})
    assert (early.status_code, early.json()["code"]) == (409, "not-issued")
    await house.hear(house.log.notice(destroyed))
    await house.issue()
    body = {"request": str(uuid7()), "reason": "製造番号の誤り"}
    assert (await web.post(f"{path}/revocations", body, who="worker")).status_code == 403
    assert (await web.post(f"{path}/revocations", body, who="stranger")).status_code == 404
    assert (await web.post(f"{path}/revocations", {"reason": ""})).status_code == 422
    first, replay = [await web.post(f"{path}/revocations", body) for _ in range(2)]
    assert (first.status_code, replay.status_code) == (201, 200)
    assert first.json() == replay.json()
    assert (await web.post(f"{path}/revocations", body | {"reason": "別の理由"})).json()["code"] == "request-id-reused"
    assert (await web.post(f"{path}/revocations", {"reason": "もう一度"})).json()["code"] == "already-revoked"
    assert (await web.get(path, who="")).json()["state"] == "revoked"


@pytest.mark.parametrize(("who", "reason"), [("admin", "署名鍵の盗難"), ("manager", "製造番号の誤り")])
async def test_when_the_contract_has_ended_town_and_issuer_still_revoke(
    house: House, web: Web, who: str, reason: str
) -> None:
    machine = Machine.new(engagement=uuid7())
    deal = opened(machine.item.engagement, TOWN, CENTRE)
    destroyed = machine.destroyed()
    await house.hear(recorded(deal), machine.registered, destroyed, house.log.notice(destroyed))
    await house.issue()
    await house.hear(recorded(EngagementEnded(engagement=deal.engagement, town=TOWN, centre=CENTRE)))
    path = f"/api/certificates/{machine.number()}"
    body = {"request": str(uuid7()), "reason": reason}
    assert (await web.post(f"{path}/revocations", body, who="stranger")).status_code == 404
    assert (await web.post(f"{path}/revocations", body, who="worker")).status_code == 403
    assert (await web.get(f"/api/certificates?town={TOWN}", who="worker")).status_code == 200, "another contract runs"
    assert (await web.post(f"{path}/revocations", body, who="clerk")).status_code == 403
    page = f"/certificates/{machine.number()}"
    assert (await web.page(page, who="worker")).status_code == 303, "who may not revoke sees what everybody sees"
    assert f'action="{page}/revoke"' in (await web.page(page, who=who)).text
    assert (await web.post(f"{path}/revocations", body, who=who)).status_code == 201
    assert (await web.get(path, who="")).json()["state"] == "revoked"
    assert (await web.get(path, who=who)).json()["reason"] == reason
    for one in ("admin", "manager"):
        assert reason in (await web.page(page, who=one)).text
    theirs = Machine.new(tenant=OTHER_TOWN)
    told = theirs.destroyed()
    await house.hear(theirs.registered, told)
    refused = await web.post(f"/api/certificates/{theirs.number()}/revocations", body, who="admin")
    assert refused.status_code == 404
