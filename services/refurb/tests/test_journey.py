"""The plan of an engagement at both doors: set, shown, worked by, and refused with everything typed still there."""

from services.refurb.tests.conftest import Web, hear
from services.refurb.tests.samples import ENGAGEMENT, OTHER_ENGAGEMENT, cleared, named, registered
from services.refurb.tests.test_api import ALL, url
from shared.ids import uuid7
from shared.testing import TOWN, Service, photo

PLAN = f"/api/refurb/engagements/{ENGAGEMENT}/plan"
PAGE = f"/refurb/plans/{ENGAGEMENT}?town={TOWN}"
MEMORY = {"code": "memory", "ja": "メモリ増設", "en": "Memory added"}
PILOT = [{"code": code, "ja": "x", "en": "x"} for code in ("ssd", "os", "cleaning", "support")]


async def test_a_device_is_worked_by_the_plan_of_its_engagement_with_photos_of_a_step(
    refurb: Service, web: Web
) -> None:
    typed = "memory メモリ増設 / Memory added\ncleaning"
    assert (await web.send(PAGE, {"steps": typed})).status_code == 303
    known = registered()
    await hear(refurb, [known, named(known), cleared(known)])
    try:
        assert (await web.get(PLAN, who="clerk")).json()["steps"][0] == MEMORY
        page = f"/refurb/items/{known.event.label}"
        assert (await web.send(f"{page}/accept", {"grade": "A", "accept_reasons": "良好"})).status_code == 303
        shown = (await web.get(page, accept="text/html")).text
        assert "「メモリ増設」を記録する" in shown
        assert "SSD換装" not in shown
        english = (await web.get(f"{page}?lang=en", accept="text/html")).text
        assert "Memory added" in english
        assert "メモリ" not in english
        late = await web.post(url(known, "steps"), {"step": "cleaning"})
        assert (late.status_code, late.json()["code"]) == (409, "step-order")
        sent = await web.upload(url(known, "photos"), photo=photo())
        done = {"step": "memory", "note": "8 GB", "photos": [sent.json()["sha256"]]}
        assert (await web.post(url(known, "steps"), done)).status_code == 201
        shown = (await web.get(page, accept="text/html")).text
        (path,) = {part.split('"')[0] for part in shown.split('src="')[1:] if "/photos/" in part}
        assert (await web.get(path)).headers["content-type"] == "image/jpeg"
        board = (await web.get(f"/refurb?town={TOWN}", accept="text/html")).text
        assert "メモリ増設" in board
        assert (await web.post(url(known, "steps"), {"step": "os"})).json()["code"] == "no-such-step"
        assert (await web.post(url(known, "steps"), {"step": "cleaning"})).status_code == 201
        told = (await web.get(url(known))).json()
        assert (told["next_step"], told["missing_before_ready"]) == ("delivery", [])
    finally:
        assert (await web.post(PLAN, {"steps": PILOT})).status_code == 201


async def test_every_step_takes_what_shows_it_the_swap_and_the_delivery_too(refurb: Service, web: Web) -> None:
    known = registered()
    await hear(refurb, [known, named(known), cleared(known)])
    sent = (await web.upload(url(known, "photos"), photo=photo())).json()["sha256"]
    shown = {"note": "写真あり", "photos": [sent]}
    for act, body in ALL:
        more = shown if act in ("ssd", "steps", "deliver") else {}
        assert (await web.post(url(known, act), body | more)).status_code == 201
    rows = await refurb.rows(
        "SELECT data FROM works WHERE item = :item AND kind = 'refurb.step-done.v1' ORDER BY sequence",
        item=known.event.item,
    )
    assert [row.data["step"] for row in rows] == ["ssd", "os", "cleaning", "support", "delivery"]
    assert {(row.data["note"], row.data["photos"][0]["sha256"]) for row in rows} == {("写真あり", sent)}


async def test_a_plan_that_cannot_be_stays_as_typed_with_its_sentence(web: Web) -> None:
    for typed, status, say in (
        ("os\nssd", 409, "「OS導入」は「SSD換装」の後"),
        ("delivery", 409, "納品は、いつも最後"),
        ("メモリ増設", 422, "「記号 名前 / 英語の名前」の形"),
        ("", 422, "入れてください"),
        ("\n".join(f"own-{nth} 名前 / Name" for nth in range(13)), 422, "工程が多すぎます"),
        ("ssd\nos\ncleaning\nsupport", 409, "もうなっています"),
    ):
        refused = await web.send(PAGE, {"steps": typed})
        assert refused.status_code == status, typed
        assert say in refused.text
        assert typed in refused.text


async def test_only_the_refurbisher_of_the_engagement_sets_its_plan_and_both_parties_read_it(web: Web) -> None:
    asked = {"steps": [MEMORY]}
    assert (await web.post(PLAN, asked, who="clerk")).status_code == 403
    assert (await web.post(PLAN, asked, who="worker")).status_code == 403
    assert (await web.post(PLAN, asked, who="stranger")).status_code == 404
    assert (await web.post(PLAN.replace(str(ENGAGEMENT), str(OTHER_ENGAGEMENT)), asked)).status_code == 404
    assert (await web.post(PLAN.replace(str(ENGAGEMENT), str(uuid7())), asked)).status_code == 404
    for who in ("clerk", "refurbisher"):
        page = await web.get(f"/refurb/plans?town={TOWN}", who=who, accept="text/html")
        assert ("この工程にする" in page.text) is (who == "refurbisher")
        assert (await web.get(PLAN, who=who)).json()["steps"][0]["code"] == "ssd"
    assert (await web.get(PLAN, who="stranger")).status_code == 404
