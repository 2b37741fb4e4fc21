import asyncio
import io
import json
import re
import zipfile
from base64 import b64encode
from dataclasses import replace

import pikepdf
import pytest

from services.certificates.tests import sample
from services.certificates.tests.conftest import House, Web
from services.certificates.tests.world import BEFORE, ENGAGEMENT, Machine, opened
from shared.ids import uuid7
from shared.testing import CENTRE, TOWN, recorded

pytestmark = sample.needs_fonts

BOTH = pytest.mark.parametrize("lang", ["ja", "en"])


@pytest.fixture(scope="module")
async def issued(house: House) -> Machine:
    """A machine whose destruction certificate is issued."""
    machine = Machine.new()
    destroyed = machine.destroyed()
    await house.hear(machine.registered, machine.received(), destroyed, house.log.notice(destroyed))
    assert await house.issue() == 1
    return machine


@BOTH
async def test_the_list_shows_deadlines_states_and_where_to_take_them_all(
    house: House, web: Web, issued: Machine, lang: str
) -> None:
    waiting, broken = Machine.new(), Machine.new()
    await house.hear(waiting.registered, waiting.destroyed())
    lost = broken.destroyed(photos=(broken.destroyed().event.photos[0].model_copy(update={"sha256": "00" * 32}),))
    await house.hear(broken.registered, lost, house.log.notice(lost))
    await house.issue()
    shown = await web.page(f"/certificates?town={TOWN}&lang={lang}")
    assert shown.status_code == 200, shown.text
    for said in (f'<html lang="{lang}">', issued.number(), waiting.number(), f"{issued.number()}.pdf", "00" * 32):
        assert said in shown.text
    assert f"all.zip?town={TOWN}&amp;engagement={ENGAGEMENT}" in shown.text
    only = await web.page(f"/certificates?state=issued&lang={lang}")
    assert issued.number() in only.text
    assert waiting.number() not in only.text
    for who in ("manager", "worker"):
        assert (await web.page(f"/certificates?lang={lang}", who=who)).status_code == 200
    assert (await web.page(f"/certificates?town={TOWN}", who="stranger")).status_code == 403
    assert (await web.page("/certificates", who="")).status_code == 401


@BOTH
async def test_one_certificate_shows_its_files_and_a_broken_one_says_what_is_missing(
    house: House, web: Web, issued: Machine, lang: str
) -> None:
    shown = await web.page(f"/certificates/{issued.number()}?lang={lang}")
    assert shown.status_code == 200
    assert f"/certificates/{issued.number()}.json" in shown.text
    assert 'method="post"' not in shown.text  # a clerk does not revoke
    nobody = "立会者はまだ連署していません" if lang == "ja" else "No witness had cosigned when it was issued"
    assert nobody in shown.text
    late = Machine.new()
    await house.hear(late.registered, late.destroyed())
    unissued = await web.page(f"/certificates/{late.number()}?lang={lang}")
    assert unissued.status_code == 200
    assert nobody not in unissued.text  # there is no head to speak of
    public = await web.page(f"/certificates/{issued.number()}", who="")
    assert public.status_code == 303
    assert public.headers["location"] == f"/verify/{issued.number()}"
    assert (await web.page(f"/certificates/{issued.number()}", who="stranger")).status_code == 303


@BOTH
async def test_a_number_tells_anybody_kind_day_and_state_and_nothing_else(
    house: House, web: Web, issued: Machine, lang: str
) -> None:
    for path in (f"/verify/{issued.number()}", f"/VERIFY/{issued.number()}"):
        shown = await web.page(f"{path}?lang={lang}", who="")
        assert shown.status_code == 200, shown.text
        assert issued.number() in shown.text
        for secret in (issued.item.media[0].serial, "髙﨑", "粉砕機", "最上町"):
            assert secret not in shown.text
    asked = Machine.new()
    await house.hear(asked.registered, asked.destroyed())
    assert (await web.page(f"/verify/{asked.number()}?lang={lang}", who="")).status_code == 200
    typed = await web.page(f"/verify?no=%20{issued.number().lower().replace('-', '')}", who="")
    assert typed.headers["location"] == f"/verify/{issued.number()}"
    absent = Machine.new().number()
    assert (await web.page(f"/verify/{absent}?lang={lang}", who="")).status_code == 404
    for wrong in ("D-1", "x" * 300):
        assert (await web.page(f"/verify/{wrong}?lang={lang}", who="")).status_code == 422
    assert (await web.page("/verify?no=hello", who="")).status_code == 422


@BOTH
async def test_a_file_is_checked_and_an_altered_one_is_told_where(web: Web, issued: Machine, lang: str) -> None:
    assert (await web.page(f"/verify?lang={lang}", who="")).status_code == 200
    for kind in ("pdf", "json"):
        file = (await web.get(f"/certificates/{issued.number()}.{kind}")).content
        good = await web.send(f"/verify?lang={lang}", {}, who="", files={"file": (f"c.{kind}", file)})
        assert good.status_code == 200, good.text
        assert "mg-ticks__bad" not in good.text
        assert good.text.count("mg-ticks__ok") == 5
    document = json.loads(file)
    document["credentialSubject"]["serial"] = "OTHER"
    altered = {"file": ("c.json", json.dumps(document).encode())}
    bad = await web.send(f"/verify?lang={lang}", {}, who="", files=altered)
    assert bad.status_code == 200
    assert "mg-ticks__bad" in bad.text
    assert "<mark>OTHER</mark>" in bad.text
    assert issued.item.media[0].serial in bad.text  # what the log proves
    for nothing in (b"hello", b"%PDF-1.7 broken"):
        unread = await web.send(f"/verify?lang={lang}", {}, who="", files={"file": ("c.pdf", nothing)})
        assert unread.status_code == 422
        assert 'role="alert"' in unread.text
        assert ("Not readable" in unread.text) is (lang == "en")
        assert ("読めません" in unread.text) is (lang == "ja")
    assert (await web.send(f"/verify?lang={lang}", {}, who="", files={"file": ("", b"")})).status_code == 422


@BOTH
async def test_a_pdf_whose_signature_a_gateway_took_is_told_apart_from_an_altered_one(
    web: Web, issued: Machine, lang: str
) -> None:
    file = (await web.get(f"/certificates/{issued.number()}.pdf")).content
    with pikepdf.open(io.BytesIO(file)) as pdf:
        del pdf.Root.AcroForm, pdf.pages[0].Annots
        out = io.BytesIO()
        pdf.save(out)
    shown = await web.send(f"/verify?lang={lang}", {}, who="", files={"file": ("c.pdf", out.getvalue())})
    assert shown.status_code == 200
    assert ("中の証明は本物です" if lang == "ja" else "The certificate inside is genuine") in shown.text
    assert shown.text.count("mg-ticks__ok") == 4
    assert issued.item.media[0].serial in shown.text  # what the log proves, whatever the page shows


async def test_who_cosigned_the_head_of_the_proof_is_named(house: House, web: Web) -> None:
    machine = Machine.new()
    destroyed = machine.destroyed()
    notice = house.log.notice(destroyed)
    told = json.loads(notice.body)
    told["checkpoint"] += f"— mogami.example/w {b64encode(bytes(76)).decode()}\n"
    await house.hear(machine.registered, destroyed, replace(notice, body=json.dumps(told).encode()))
    await house.issue()
    shown = (await web.page(f"/certificates/{machine.number()}")).text
    assert "mogami.example/w" in shown
    assert "立会者はまだ連署していません" not in shown
    for kind in ("pdf", "json"):  # the file alone says that nobody on the list of keys did
        file = (await web.get(f"/certificates/{machine.number()}.{kind}")).content
        checked = await web.send("/verify", {}, who="", files={"file": (f"c.{kind}", file)})
        assert "知っている立会者（witness）の連署がまだありません" in checked.text


async def test_without_the_log_key_the_page_says_what_to_wait_for(house: House, web: Web) -> None:
    key = house.made.settings.keys / "log.vkey"
    kept = key.read_text()
    key.unlink()
    try:
        answer = await web.send("/verify", {}, who="", files={"file": ("c.json", b"{}")})
    finally:
        key.write_text(kept)
    assert answer.status_code == 409
    assert "台帳の公開鍵がまだありません" in answer.text


@BOTH
async def test_a_revoked_certificate_is_marked_everywhere_and_its_files_stay(house: House, web: Web, lang: str) -> None:
    machine = Machine.new()
    destroyed = machine.destroyed()
    await house.hear(machine.registered, destroyed, house.log.notice(destroyed))
    await house.issue()
    page = f"/certificates/{machine.number()}"
    assert f'action="{page}/revoke"' in (await web.page(page, who="manager")).text
    assert (await web.send(f"{page}/revoke", {"request": str(uuid7()), "reason": " "})).status_code == 422
    assert (await web.send(f"{page}/revoke", {"request": "x", "reason": "誤記"})).status_code == 422
    form = {"request": str(uuid7()), "reason": "製造番号の誤り"}
    assert (await web.send(f"{page}/revoke", form, who="worker")).status_code == 403
    sent = await web.send(f"{page}/revoke", form)
    assert sent.status_code == 303, sent.text
    assert (await web.send(f"{page}/revoke", form)).status_code == 303  # the same again
    again = await web.send(f"{page}/revoke", {**form, "request": str(uuid7())})
    assert again.status_code == 409
    shown = await web.page(f"{page}?lang={lang}&done=revoked", who="clerk")
    assert "製造番号の誤り" in shown.text
    assert "mg-note--halt" in shown.text
    file = await web.get(f"{page}.pdf")
    assert file.status_code == 200
    verdict = await web.send(f"/verify?lang={lang}", {}, who="", files={"file": ("c.pdf", file.content)})
    assert 'role="alert"' in verdict.text
    assert "mg-ticks__bad" not in verdict.text
    assert "mg-status--halt" in (await web.page(f"/verify/{machine.number()}?lang={lang}", who="")).text


BATCH = 50  # `bench/issuing.py` asks the same among thousands


async def test_while_a_batch_is_issued_the_page_says_how_far_it_is_and_the_zip_comes_whole(
    house: House, web: Web
) -> None:
    other = opened(uuid7(), TOWN, CENTRE)
    machines = [Machine.new(engagement=other.engagement) for _ in range(BATCH)]
    crushed = [machine.destroyed() for machine in machines]
    await house.hear(recorded(other, tenant=TOWN, at=BEFORE), *(machine.registered for machine in machines))
    await house.hear(*crushed)
    page = f"/certificates?town={TOWN}&engagement={other.engagement}"
    first = await web.page(page)
    assert progress(first.text) == (0, BATCH)
    assert "live.js" in first.text
    assert f'data-town="{TOWN}"' in first.text
    await house.hear(house.log.notice(*crushed))
    issuing = asyncio.create_task(house.issue())
    seen, zips = [], []
    while not issuing.done():
        seen.append(progress((await web.page(page)).text))
        answer = await web.get(f"/certificates/all.zip?town={TOWN}&engagement={other.engagement}")
        if answer.status_code == 200:  # 409 before the first
            with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
                assert archive.testzip() is None
                zips.append(sum(name.endswith(".pdf") for name in archive.namelist()))
                assert len(archive.namelist()) == 2 * zips[-1] + 1
        await asyncio.sleep(0.2)  # the machine is shared with what issues
    assert await issuing >= BATCH
    assert len({done for done, _ in seen if 0 < done < BATCH}) > 2, "the number moves"
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {BATCH}
    assert zips == sorted(zips)
    assert len(set(zips)) > 1, "whole while it grows"
    last = await web.page(f"{page}&lang=en")
    assert progress(last.text) == (BATCH, BATCH)
    assert "Progress of issuing" in last.text
    assert (await web.page(f"/certificates?town={TOWN}")).text.count('class="mg-count ') == 2, "each contract its own"


def progress(page: str) -> tuple[int, int]:
    """Return what the page of one engagement says: how many are issued, of how many."""
    ((done, total),) = re.findall(r'mg-count__n">([\d,]+)</span><span class="mg-count__of">/ ([\d,]+)<', page)
    return int(done.replace(",", "")), int(total.replace(",", ""))
