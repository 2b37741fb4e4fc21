import pytest

from services.refurb.domain import work_order
from services.refurb.pages import orders as pages
from services.refurb.tests.conftest import Web, hear
from services.refurb.tests.samples import cleared, named, registered, reopened, to_material
from shared.testing import TOWN, Service

SPEC = {"os": "Windows 11 Home", "ssd_gb": "240", "memory_gb": "8", "office": "LibreOffice", "support_months": "3"}


async def test_a_candidate_walks_over_the_page_from_grade_to_delivery_and_prints_its_sheet(
    refurb: Service, web: Web
) -> None:
    known = registered()
    await hear(refurb, [known, named(known), cleared(known)])
    page = f"/refurb/items/{known.event.label}"
    forms = [
        ("accept", {"grade": "B", "accept_reasons": "天板に傷\n動作良好"}),
        ("ssd", {"model": "SX-240", "serial": "NEW-1", "capacity_gb": "２４０"}),
        ("step", {"step": "os"}),
        ("step", {"step": "cleaning", "step_note": "キーボード交換"}),
        ("step", {"step": "support"}),
        ("ready", SPEC | {"os_licence": "MAR 0042"}),
        ("deliver", {}),
        ("support", {"channel": "remote", "trouble": "printer", "outcome": "open"}),
    ]
    for act, form in forms:
        before = await web.get(page, accept="text/html")
        assert f'action="{page}/{act}"' in before.text, act
        sent = await web.send(f"{page}/{act}", form)
        assert sent.status_code == 303, sent.text
        after = await web.get(sent.headers["location"], accept="text/html")
        assert "記録しました" in after.text
    sheet = await web.get(f"{page}/sheet?lang=en", accept="text/html")
    assert sheet.status_code == 200
    shown = (await web.get(page, accept="text/html")).text
    for text in ("サポート：印刷できない", "遠隔　続いている　サポートの期間外　"):
        assert text in shown
    for text in ("Windows 11 Home", "240 GB", "LibreOffice", "043-000-0000", "MAR 0042"):
        assert text in sheet.text


async def test_a_refusal_names_the_medium_and_what_to_do_on_the_same_page_and_keeps_what_was_typed(
    refurb: Service, web: Web
) -> None:
    known = registered(media=2)
    await hear(refurb, [known, named(known), cleared(known, 0)])
    page = f"/refurb/items/{known.event.label}"
    await web.send(f"{page}/accept", {"grade": "A", "accept_reasons": "良好"})
    refused = await web.send(f"{page}/ready", SPEC)
    assert refused.status_code == 409
    assert 'role="alert"' in refused.text
    assert known.event.media[1].serial in refused.text
    assert known.event.media[0].serial not in refused.text.split('role="alert"')[1].split("</div>")[0]
    assert "<li>SSD換装</li>" in refused.text
    empty = await web.send(f"{page}/ssd", {"model": "SX-240", "serial": "", "capacity_gb": "x"})
    assert empty.status_code == 422
    assert 'value="SX-240"' in empty.text


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_the_board_shows_every_column_in_both_languages(refurb: Service, web: Web, lang: str) -> None:
    candidate, held, waste = (registered() for _ in range(3))
    await hear(
        refurb,
        [candidate, held, waste, named(candidate), named(held), to_material(waste)],
    )
    await hear(refurb, [cleared(held)])
    page = f"/refurb/items/{held.event.label}"
    for act, form in (
        ("accept", {"grade": "A", "accept_reasons": "良好"}),
        ("ssd", {"model": "SX-240", "serial": "NEW-2", "capacity_gb": "240"}),
        ("step", {"step": "os"}),
        ("step", {"step": "cleaning"}),
        ("step", {"step": "support"}),
        ("ready", SPEC),
    ):
        assert (await web.send(f"{page}/{act}", form)).status_code == 303
    await hear(refurb, [reopened(held)])
    shown = await web.get(f"/refurb?town={TOWN}&lang={lang}", accept="text/html")
    assert shown.status_code == 200, shown.text
    assert f'<html lang="{lang}">' in shown.text
    for one in (candidate, held, waste):
        label = one.event.label
        assert f"{label[:4]}-{label[4:8]}-{label[8:]}" in shown.text
    assert held.event.media[0].serial in shown.text
    assert shown.text.count("is-different") >= 1
    order = await web.get(f"{page}?lang={lang}", accept="text/html")
    assert order.status_code == 200
    assert "mg-note--halt" in order.text
    assert "/sheet" not in order.text
    assert (await web.get(f"{page}/sheet", accept="text/html")).status_code == 409
    assert (await web.get(f"/refurb/items/{waste.event.label}?lang={lang}", accept="text/html")).status_code == 200


async def test_the_town_reads_and_has_no_forms_and_the_public_is_asked_to_sign_in(refurb: Service, web: Web) -> None:
    known = registered()
    await hear(refurb, [known, named(known)])
    page = f"/refurb/items/{known.event.label}"
    read = await web.get(page, who="clerk", accept="text/html")
    assert read.status_code == 200
    assert 'method="post"' not in read.text
    assert (await web.get("/refurb", who="clerk", accept="text/html")).status_code == 200
    assert (await web.send(f"{page}/accept", {"grade": "A", "accept_reasons": "x"}, who="clerk")).status_code == 403
    assert (await web.get("/refurb", who="", accept="text/html")).status_code == 401
    assert (await web.get(page, who="stranger", accept="text/html")).status_code == 404


async def test_a_scanned_label_opens_its_order(refurb: Service, web: Web) -> None:
    known = registered()
    await hear(refurb, [known])
    opened = await web.get(f"/refurb/open?scan={known.event.label.lower()}", accept="text/html")
    assert opened.headers["location"] == f"/refurb/items/{known.event.label}"
    assert (await web.get("/refurb/open?scan=XXXX", accept="text/html")).status_code == 422
    assert (await web.get(f"/refurb/items/{known.event.label}", accept="text/html")).status_code == 404


async def test_what_people_and_devices_wrote_is_shown_as_text_never_as_markup(refurb: Service, web: Web) -> None:
    evil = "<script>alert(1)</script>"
    known = registered(maker=evil)
    await hear(refurb, [known, named(known)])
    page = f"/refurb/items/{known.event.label}"
    assert (await web.send(f"{page}/accept", {"grade": "A", "accept_reasons": evil})).status_code == 303
    assert (await web.send(f"{page}/ssd", {"model": evil, "serial": evil, "capacity_gb": "240"})).status_code == 303
    refused = await web.send(f"{page}/step", {"step": "support", "step_note": evil})
    board = await web.get(f"/refurb?town={TOWN}", accept="text/html")
    shown = await web.get(page, accept="text/html")
    for answer in (refused, board, shown):
        assert "&lt;script&gt;alert" in answer.text
        assert "<script>alert" not in answer.text


async def test_weights_typed_in_full_width_are_read_and_a_wrong_one_is_shown_at_its_field(
    refurb: Service, web: Web
) -> None:
    known = registered()
    await hear(refurb, [known, to_material(known), cleared(known)])
    page = f"/refurb/items/{known.event.label}"
    form = {"ferrous": "４．２", "plastic": "なし", "manifest": "M-77", "operator": "再生金属"}
    wrong = await web.send(f"{page}/recycle", form)
    assert wrong.status_code == 422
    assert 'href="#plastic"' in wrong.text
    assert 'value="４．２"' in wrong.text
    assert (await web.send(f"{page}/recycle", form | {"plastic": ""})).status_code == 303
    assert "M-77" in (await web.get(page, accept="text/html")).text


def test_what_may_be_missing_has_its_words_in_the_catalogue() -> None:
    assert pages.NEEDED == (work_order.MEDIA_PROOF, work_order.GRADE, work_order.NEW_SSD)
