"""A bundle from the one who asks to the one who verifies it in a room without the Internet."""

import asyncio
import io
import zipfile
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from services.certificates import bindery, keys
from services.certificates.pressroom import PressRoom
from services.certificates.tests import sample
from services.certificates.tests.conftest import House, Web
from services.certificates.tests.world import ENGAGEMENT, Machine, opened
from shared import blobs
from shared.ids import uuid7
from shared.settings import settings
from shared.testing import NOW, TOWN, recorded
from verifier.bundle import verify_bundle
from verifier.keys import Keys
from verifier.verdict import Verdict

pytestmark = sample.needs_fonts


@pytest.fixture(scope="module")
async def machine(house: House) -> Machine:
    """A machine whose destruction certificate is issued."""
    machine = Machine.new()
    destroyed = machine.destroyed()
    await house.hear(machine.registered, machine.received(), destroyed, house.log.notice(destroyed))
    await house.issue()
    return machine


async def make(house: House, after: timedelta = timedelta()) -> int:
    room = PressRoom(sample.FOLDER, settings().keys, settings().log_origin)
    try:
        return await bindery.make_open(house.made.consumer, room, NOW + after)
    finally:
        await room.close()


async def asked(web: Web, bundle: UUID, **who: str) -> int:
    url = f"/api/certificates/bundles?town={TOWN}"
    return (await web.post(url, {"request": str(bundle), "engagement": str(ENGAGEMENT)}, **who)).status_code


async def test_it_is_asked_for_made_taken_along_and_verified_elsewhere(
    house: House, web: Web, machine: Machine, tmp_path: Path
) -> None:
    bundle = uuid7()
    url = f"/certificates/bundles/{bundle}.zip?town={TOWN}"
    assert await asked(web, bundle) == 202
    assert await asked(web, bundle) == 202, "the same again changes nothing"
    assert (await web.get(url)).status_code == 409
    assert await make(house) == 1
    assert await make(house) == 0
    (told, *_) = (await web.get(f"/api/certificates/bundles?town={TOWN}")).json()["bundles"]
    assert (told["bundle"], told["failure"]) == (str(bundle), None)
    assert told["certificates"] == told["taken_in"] >= 1
    whole = await web.get(url, who="clerk")
    assert whole.status_code == 200
    assert int(whole.headers["content-length"]) == len(whole.content)
    (tmp_path / "b.zip").write_bytes(whole.content)
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert names[:3] == ["manifest.json", "README.txt", "keys.txt"]
    assert {f"certificates/{machine.number()}.{kind}" for kind in ("pdf", "json")} <= set(names)
    trusted = Keys.parse(keys.trusted(settings().keys))
    answers = await asyncio.to_thread(lambda: list(verify_bundle(tmp_path / "b.zip", trusted)))
    assert len(answers) == 1 + 2 * told["certificates"]
    for name, verdict in answers:
        assert isinstance(verdict, Verdict), verdict
        assert verdict.ok, name
    compared = next(verdict for name, verdict in answers if name.endswith(f"{machine.number()}.json"))
    assert isinstance(compared, Verdict)
    assert "手元の" in compared.checks[3].ja, "the originals travel with it"


async def test_a_download_that_broke_off_goes_on_from_any_process(house: House, web: Web, machine: Machine) -> None:
    bundle = uuid7()
    assert machine.number()
    await asked(web, bundle)
    await make(house)
    url = f"/certificates/bundles/{bundle}.zip?town={TOWN}"
    whole = await web.get(url)
    size, etag = len(whole.content), whole.headers["etag"]
    got = b""
    while len(got) < size:
        part = await web.get(url, range=f"bytes={len(got)}-{len(got) + 99_999}", **{"if-range": etag})
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {len(got)}-{min(len(got) + 99_999, size - 1)}/{size}"
        got += part.content
    assert got == whole.content
    assert (await web.get(url, range="bytes=-22")).content == whole.content[-22:]
    assert (await web.get(url, range=f"bytes={size}-")).status_code == 416
    for odd in ("bytes=9-2", "bytes=-", "bytes=0-1,4-5", "lines=1-2", f"bytes={'9' * 90}-"):
        assert (await web.get(url, range=odd)).status_code == 416, odd
    other = await web.get(url, range="bytes=0-9", **{"if-range": '"another"'})
    assert (other.status_code, len(other.content)) == (200, size)


async def test_a_revoked_one_lies_apart_and_a_lost_file_makes_no_bundle(
    house: House, web: Web, machine: Machine
) -> None:
    one = Machine.new()
    destroyed = one.destroyed()
    await house.hear(one.registered, destroyed, house.log.notice(destroyed))
    await house.issue()
    assert (await web.post(f"/api/certificates/{one.number()}/revocations", {"reason": "誤記"})).status_code == 201
    await asked(web, bundle := uuid7())
    await make(house, timedelta(days=1))
    held = await web.get(f"/certificates/bundles/{bundle}.zip?town={TOWN}")
    with zipfile.ZipFile(io.BytesIO(held.content)) as archive:
        assert f"revoked/{one.number()}.pdf" in archive.namelist()
        assert f"certificates/{machine.number()}.pdf" in archive.namelist()
    (row,) = await house.rows("SELECT pdf_sha256 FROM certificates WHERE number = :n", n=machine.number())
    path = Path(settings().blobs.removeprefix("file://")) / TOWN / row.pdf_sha256[:2] / row.pdf_sha256
    content = await asyncio.to_thread(path.read_bytes)
    await asyncio.to_thread(path.unlink)
    await asked(web, bundle := uuid7())
    await make(house)
    assert (await web.get(f"/certificates/bundles/{bundle}.zip?town={TOWN}")).status_code == 409
    shown = await web.page(f"/certificates/bundles?town={TOWN}")
    assert "保管庫にないか、壊れているファイル" in shown.text
    assert await blobs.put(TOWN, content) == row.pdf_sha256


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_its_page_asks_and_tells_how_far_it_is(house: House, web: Web, machine: Machine, lang: str) -> None:
    page = f"/certificates/bundles?town={TOWN}"
    form = {"request": str(uuid7()), "engagement": str(ENGAGEMENT)}
    assert (await web.send(page, form, who="clerk")).status_code == 303
    shown = await web.page(f"{page}&lang={lang}")
    assert ("作成中" if lang == "ja" else "Being made") in shown.text
    await make(house)
    shown = await web.page(f"{page}&lang={lang}")
    assert f"/certificates/bundles/{form['request']}.zip?town={TOWN}" in shown.text
    assert page in (await web.page(f"/certificates?town={TOWN}")).text
    assert machine.number()


async def test_nobody_else_sees_or_asks(web: Web, machine: Machine) -> None:
    assert machine.number()
    bundle = uuid7()
    assert await asked(web, bundle, who="stranger") == 403
    for path in (f"/certificates/bundles/{bundle}.zip?town={TOWN}", f"/api/certificates/bundles?town={TOWN}"):
        assert (await web.get(path, who="stranger")).status_code == 403
    assert (await web.get(f"/certificates/bundles/{bundle}.zip?town={TOWN}")).status_code == 404
    url = f"/api/certificates/bundles?town={TOWN}"
    assert (await web.post(url, {"engagement": str(uuid7())})).status_code == 404


async def test_who_works_for_the_town_under_another_contract_sees_none_of_this_one(
    house: House, web: Web, machine: Machine
) -> None:
    assert machine.number()
    await asked(web, bundle := uuid7())
    await make(house)
    other = opened(uuid7(), TOWN, "centre-other").model_copy(update={"carrier": "carrier"})
    await house.hear(recorded(other, tenant=TOWN, at=NOW))
    assert await asked(web, uuid7(), who="stranger") == 404
    page = f"/certificates/bundles?town={TOWN}"
    for path in (f"/certificates/bundles/{bundle}.zip?town={TOWN}", page, f"/api{page}"):
        shown = await web.get(path, who="stranger")
        assert shown.status_code == (404 if ".zip" in path else 200)
        assert str(bundle) not in shown.text
    assert str(bundle) in (await web.page(page)).text
    assert (await web.get(f"/certificates/all.zip?town={TOWN}", who="stranger")).status_code == 409
    for path in ("/api/certificates", "/api/certificates/overview", "/certificates", "/certificates/deadlines"):
        seen, ours = [await web.get(f"{path}?town={TOWN}", who=who) for who in ("stranger", "clerk")]
        assert machine.number() not in seen.text
        assert len(seen.text) < len(ours.text), path


async def test_a_thousand_that_ask_at_once_get_one_bundle_and_the_next_when_it_is_made(
    house: House, web: Web, machine: Machine
) -> None:
    assert machine.number()
    url, body = f"/api/certificates/bundles?town={TOWN}", {"engagement": str(ENGAGEMENT)}
    said = await asyncio.gather(*(web.post(url, {"request": str(uuid7()), **body}) for _ in range(50)))
    assert len({answer.json()["bundle"] for answer in said}) == 1
    assert await make(house) == 1
    assert await asked(web, uuid7()) == 202
    assert await make(house) == 1


async def test_of_three_dozen_honest_certificates_and_their_bundle_none_is_refused(
    house: House, web: Web, tmp_path: Path
) -> None:
    crushed, erased = [Machine.new() for _ in range(12)], [Machine.erased_only() for _ in range(12)]
    for one in crushed:
        known = (one.registered, one.received(), one.destroyed())
        closed = one.closed(*known, certificates=[one.number()])
        await house.hear(*known, closed, house.log.notice(known[-1], closed))
    for one in erased:
        wiped = one.erased()
        await house.hear(one.registered, wiped, house.log.notice(wiped))
    await house.issue()
    await asked(web, bundle := uuid7())
    assert await make(house) == 1
    (tmp_path / "b.zip").write_bytes((await web.get(f"/certificates/bundles/{bundle}.zip?town={TOWN}")).content)
    trusted = Keys.parse(keys.trusted(settings().keys))
    answers = await asyncio.to_thread(lambda: list(verify_bundle(tmp_path / "b.zip", trusted)))
    assert [name for name, verdict in answers if not (isinstance(verdict, Verdict) and verdict.ok)] == []
    papers = {name.rpartition("/")[2] for name, _ in answers if name.endswith(".pdf")}
    assert {f"{one.number(letter)}.pdf" for one in crushed for letter in "DT"} <= papers
    assert {f"{one.number('E')}.pdf" for one in erased} <= papers
