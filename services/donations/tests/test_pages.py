"""The pages: the application in two pages, the receipt, the clerk's desk and the public record."""

import html
import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from services.donations import reading, tables
from services.donations.consumers import consumers
from services.donations.domain.record import recompute
from services.donations.tests.conftest import SPEC, Web, contents, person, prepare_stock
from services.donations.tests.test_api import NUMBER, an_application, an_opening
from services.donations.tests.test_journey import a_notice
from shared import ledger
from shared.events.donations import CallClosed
from shared.events.refurb import Ready
from shared.events.tracking import TakenOver
from shared.ids import new_label, uuid7
from shared.testing import OTHER_TOWN, Service, photo, recorded

APPLY = f"/calls/{NUMBER}/apply"
DESK = f"/donations/calls/{NUMBER}"
BY_HAND = {"accept": "text/html"}


async def opened(web: Web, **given: Any) -> None:
    response = await web.clerk.post("/api/donations/calls", json=an_opening(**given))
    assert response.status_code == 201, response.text


def hidden(page: httpx.Response) -> dict[str, str]:
    """Return the hidden fields of the first form."""
    form = re.search(r"<form.*?</form>", page.text, re.DOTALL)
    assert form, page.text
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form[0])
    return {name: html.unescape(value) for name, value in found}


def fields(page: httpx.Response) -> set[str]:
    """Return the names of the fields a person fills in, in the first form."""
    form = re.search(r"<form.*?</form>", page.text, re.DOTALL)
    assert form, page.text
    shown = re.sub(r'<input type="hidden"[^>]*>|<button.*?</button>', "", form[0], flags=re.DOTALL)
    return set(re.findall(r' name="([^"]+)"', shown))


async def test_a_citizen_applies_in_two_pages_and_eleven_fields(made: Service, web: Web) -> None:
    await opened(web)
    poster = await web.public.get(f"/calls/{NUMBER}")
    assert poster.status_code == 200
    assert "先着順" in poster.text
    first = await web.public.get(APPLY)
    typed = person() | {"category": "hamlet", "mail": "", **hidden(first)}
    second = await web.public.post(APPLY, data=typed)
    assert second.status_code == 200
    assert len(fields(first) | fields(second)) == 11
    wish = {"units": "2", "uses": ["circulars", "accounts"], "network": "no", "consent": "yes"}
    sent = {**hidden(second), **wish}
    done = await web.public.post(APPLY, data=sent)
    assert (done.status_code, done.headers["location"]) == (303, "/calls/receipt")
    receipt = await web.public.get("/calls/receipt")
    assert "063622-0001" in receipt.text
    assert "1番目" in receipt.text
    again = await web.public.post(APPLY, data=sent)
    assert again.headers["set-cookie"] == done.headers["set-cookie"]
    assert await made.rows("SELECT count(*) FROM applications") == [(1,)]


async def test_what_is_wrong_is_named_and_nothing_typed_is_lost(web: Web) -> None:
    await opened(web)
    typed = person(phone="0233-43", group="<b>一区</b>") | {"category": "hamlet", "purpose": "会計に使う"}
    wrong = await web.public.post(APPLY, data={**hidden(await web.public.get(APPLY)), **typed})
    assert wrong.status_code == 422
    assert "1か所なおしてください" in wrong.text
    assert "けたが合いません" in wrong.text
    assert 'value="0233-43"' in wrong.text
    assert "&lt;b&gt;一区&lt;/b&gt;" in wrong.text
    second = await web.public.post(APPLY, data={**hidden(wrong), **typed, "phone": "0233-43-2261", "page": "1"})
    unticked = await web.public.post(APPLY, data={**hidden(second), "units": "9", "purpose": "会計に使う"})
    assert unticked.status_code == 422
    assert "会計に使う" in unticked.text
    back = await web.public.post(APPLY, data={**hidden(second), "units": "2", "back": "1"})
    assert "&lt;b&gt;一区&lt;/b&gt;" in back.text
    assert 'name="units" value="2"' in back.text


async def test_a_receipt_opens_only_with_its_passphrase(web: Web) -> None:
    await opened(web)
    wrong = await web.public.post("/calls/receipt", data={"receipt": "063622-0001", "passphrase": "0000-0000"})
    assert wrong.status_code == 422
    assert "受付番号か照会コードが違います" in wrong.text
    assert (await web.public.get("/calls/receipt")).status_code == 200
    empty = await web.public.post("/calls/receipt", data={})
    assert empty.status_code == 422


async def test_a_passphrase_opens_its_receipt_however_a_phone_types_it(web: Web) -> None:
    await opened(web)
    body = an_application()
    slip = (await web.public.post(f"/api/donations/calls/{NUMBER}/applications", json=body)).json()
    first, second = slip["passphrase"].split("-")
    full = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
    typed = (f"{first}　{second}", f"{first.lower()} {second}", f"　{first}-{second}".translate(full))
    for receipt in (slip["receipt"], slip["receipt"].translate(full)):
        for passphrase in typed:
            sent = await web.public.post("/calls/receipt", data={"receipt": receipt, "passphrase": passphrase})
            assert sent.status_code == 303, passphrase
            shown = await web.public.get("/calls/receipt")
            assert slip["passphrase"] in shown.text
            web.public.cookies.clear()


async def test_a_closed_call_says_so_in_a_sentence(web: Web) -> None:
    await opened(web)
    first = await web.public.get(APPLY)
    typed = person() | {"category": "hamlet", **hidden(first)}
    second = await web.public.post(APPLY, data=typed)
    await web.clerk.post(f"{DESK}/close", data={"request": str(uuid7())})
    wish = {"units": "1", "uses": "circulars", "network": "no", "consent": "yes"}
    late = await web.public.post(APPLY, data={**hidden(second), **wish}, headers=BY_HAND)
    assert late.status_code == 409
    assert "応募の受付は終わりました" in late.text
    assert (await web.public.get(APPLY)).status_code == 303


def opening_form(page: httpx.Response, now: datetime) -> dict[str, str]:
    return {
        **hidden(page),
        "number": NUMBER,
        "title": "再生パソコンを無償でお譲りします",
        "kinds": "desktop",
        "rule": "first-come",
        "units": "3",
        "categories": "hamlet 集落 2\nbusiness 事業者・農業者 2",
        "opens_at": (now - timedelta(hours=3)).isoformat(timespec="minutes"),
        "closes_at": (now + timedelta(hours=3)).isoformat(timespec="minutes"),
        "os": "Windows 11",
        "ssd_gb": "240",
        "memory_gb": "8",
        "office": "WPS",
        "support_months": "3",
        "consent": "取材に対応します",
        "consent_version": "1",
        "contact": "情報企画係",
    }


async def test_what_is_wrong_with_an_opening_is_said_beside_its_field_and_full_width_is_not_wrong(web: Web) -> None:
    now = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None)
    opening = opening_form(await web.clerk.get("/donations/calls"), now)
    wrong = (
        ({"number": "011002-2026-1", "categories": "集落"}, "記号 名前 上限の台数"),
        ({"number": "011002-2026-1"}, "団体コード 063622"),
        ({"categories": "\n".join(f"c{n} 区分{n} 2" for n in range(21))}, "区分が多すぎます"),
        ({"opens_at": "0001-01-01T00:00"}, "日時として読めません"),
    )
    for change, said in wrong:
        refused = await web.clerk.post("/donations/calls", data=opening | change)
        assert refused.status_code == 422
        assert said in refused.text
    wide = opening | {"number": NUMBER.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})}
    assert (await web.clerk.post("/donations/calls", data=wide)).headers["location"] == DESK
    assert (await web.clerk.post("/donations/calls", data=opening)).status_code == 303  # the same again
    twice = await web.clerk.post("/donations/calls", data=opening | {"request": str(uuid7())})
    assert twice.status_code == 409


async def test_a_clerk_works_a_call_from_its_opening_to_the_record(made: Service, web: Web) -> None:
    await prepare_stock(made, 4)
    now = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None)
    opening = opening_form(await web.clerk.get("/donations/calls"), now)
    assert (await web.clerk.post("/donations/calls", data=opening)).status_code == 303

    paper = {"arrived_at": (now - timedelta(hours=1)).isoformat(timespec="minutes"), "category": "hamlet", "units": "2"}
    paper["channel"] = "fax"
    ahead = {"arrived_at": (now + timedelta(hours=1)).isoformat(timespec="minutes")}
    desk = await web.clerk.get(DESK)
    future = await web.clerk.post(f"{DESK}/paper", data=hidden(desk) | person() | paper | ahead)
    assert future.status_code == 422
    assert "届いた日時がいまより後です" in future.text
    kept = await web.clerk.post(f"{DESK}/paper", data=hidden(desk) | person() | paper)
    assert kept.headers["location"] == f"{DESK}?slip=063622-0001"
    slip = await web.clerk.get(kept.headers["location"])
    assert re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", slip.text)
    same = person(group="向町　一区") | paper | {"request": str(uuid7()), "category": "business"}
    await web.clerk.post(f"{DESK}/paper", data=same)
    assert "同じ応募者？ 063622-0001" in (await web.clerk.get(DESK)).text

    await web.clerk.post(f"{DESK}/close", data={"request": str(uuid7())})
    await web.clerk.post(f"{DESK}/settle", data={"request": str(uuid7())})
    granted = await made.rows("SELECT g.receipt, r.label FROM grants g JOIN refurbishments r USING (item) ORDER BY 2")
    assert [tuple(row) for row in granted] == [
        ("063622-0001", "D00000001"),
        ("063622-0001", "D00000002"),
        ("063622-0002", "D00000003"),
    ]
    over = f"{DESK}/applications/063622-0001/hand-over"
    assert (await web.clerk.post(over, data={"request": str(uuid7()), "labels": ""})).status_code == 303
    nothing = {"request": str(uuid7()), "receipt": "063622-0001", "told": "、 ,", "difficulty": ""}
    unread = await web.clerk.post(f"{DESK}/usage", data=nothing)
    assert unread.status_code == 422
    assert "使い道を「、」で区切って" in unread.text
    flood = {"request": str(uuid7()), "labels": "x " * 1001}
    assert (await web.clerk.post(over, data=flood)).status_code == 422
    told = {"request": str(uuid7()), "receipt": "063622-0001", "told": "総会資料、<i>研修</i>", "difficulty": ""}
    assert (await web.clerk.post(f"{DESK}/usage", data=told)).status_code == 303
    record = await web.public.get("/donations")
    assert "2団体に3台を割り当てました" in record.text
    assert "総会資料、&lt;i&gt;研修&lt;/i&gt;" in record.text
    assert "見本 太郎" not in record.text
    assert "向町" not in record.text
    english = await web.public.get("/donations?lang=en")
    assert english.status_code == 200


async def test_what_the_clerk_typed_is_kept_when_the_rules_say_no(web: Web) -> None:
    now = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None)
    opening = opening_form(await web.clerk.get("/donations/calls"), now)
    twice = await web.clerk.post("/donations/calls", data=opening | {"categories": "hamlet 集落 2\nhamlet 村 3"})
    assert twice.status_code == 422
    assert "区分：区分がないか、同じ区分が2つあります" in re.sub(r"<[^>]+>", "", twice.text)
    wide = {"categories": "hamlet　集落　２", "opens_at": opening["opens_at"].replace("2", "２")}
    assert (await web.clerk.post("/donations/calls", data=opening | wide)).status_code == 303
    paper = {
        "arrived_at": now.isoformat(timespec="minutes"),
        "category": "hamlet",
        "channel": "counter",
        "units": "２",
        "mail": "ａ＠b.example",
    }
    kept = await web.clerk.post(f"{DESK}/paper", data=person() | paper | {"request": str(uuid7())})
    assert kept.status_code == 303
    told = {"request": str(uuid7()), "receipt": "０６３６２２-０００１", "told": "総会資料", "difficulty": "操作"}
    early = await web.clerk.post(f"{DESK}/usage", data=told)
    assert early.status_code == 409
    assert "まだお渡ししていない応募です" in early.text
    odd = await web.clerk.post(f"{DESK}/usage", data=told | {"receipt": "1番"})
    assert odd.status_code == 422
    assert "書き方が違います" in odd.text
    unknown = await web.clerk.post(f"{DESK}/usage", data=told | {"receipt": "063622-9999"})
    assert unknown.status_code == 404
    assert "この受付番号はありません" in unknown.text


async def handed_over(made: Service, web: Web, signed: bytes | None = None) -> None:
    """Let one application be made on the pages and its machine be handed over."""
    await prepare_stock(made, 1)
    await opened(web)
    await apply_on_pages(web)
    for step in ("close", "settle", "applications/063622-0001/hand-over"):
        file = {"photo": ("a.jpg", signed)} if signed and "hand-over" in step else None
        assert (await web.clerk.post(f"{DESK}/{step}", data={"request": str(uuid7())}, files=file)).status_code == 303


async def test_the_rest_of_a_grant_is_handed_over_from_the_desk_and_a_page_opened_before_is_told(
    made: Service, web: Web
) -> None:
    await prepare_stock(made, 2)
    await opened(web, units=2)
    for n, units in ((1, "1"), (2, "2")):
        web.public.cookies.clear()
        await apply_on_pages(web, group=f"区{n}", phone=f"0233-43-000{n}", units=units)
    for step in ("close", "settle"):
        await web.clerk.post(f"{DESK}/{step}", data={"request": str(uuid7())})
    counter = f"{DESK}/applications/063622-0002/hand-over"
    before = hidden(await web.clerk.get(counter))
    assert (await web.clerk.post(counter, data=before)).status_code == 303
    assert "お渡し済みです" in (await web.clerk.get(counter)).text
    assert "残りのお渡しへ" not in (await web.clerk.get(DESK)).text
    first = {"request": str(uuid7()), "confirm": "yes"}
    assert (await web.clerk.post(f"{DESK}/applications/063622-0001/withdraw", data=first)).status_code == 303
    assert "残りのお渡しへ" in (await web.clerk.get(DESK)).text
    assert "1台お渡し済み、あと1台割り当て" in re.sub("<[^>]+>", "", (await web.public.get("/calls/receipt")).text)
    stale = await web.clerk.post(counter, data=before | {"request": str(uuid7())})
    assert (stale.status_code, "見ている間に" in stale.text) == (409, True)
    assert (await web.clerk.post(counter, data=hidden(await web.clerk.get(counter)))).status_code == 303
    assert await made.rows("SELECT cardinality(items) FROM hand_overs ORDER BY sequence") == [(1,), (1,)]


async def test_a_recipient_reports_the_use_by_the_receipt(made: Service, web: Web) -> None:
    await handed_over(made, web)
    page = await web.public.get("/calls/receipt")
    none = await web.public.post("/calls/receipt/usage", data=hidden(page))
    assert none.status_code == 422
    report = hidden(page) | {"uses": ["meetings", "training"], "difficulties": ["no-network", "shelter"]}
    assert (await web.public.post("/calls/receipt/usage", data=report)).status_code == 303
    assert (await web.public.post("/calls/receipt/usage", data=report)).status_code == 303  # the same again
    record = (await web.public.get("/donations")).text
    assert "オンライン面談" in record
    assert "避難所になったときの使い方" in record
    again = report | {"request": str(uuid7()), "uses": ["meetings"]}
    assert (await web.public.post("/calls/receipt/usage", data=again)).status_code == 303
    tally = re.findall(r"<dt>([^<]+)</dt><dd>.*?<b>(\d+)", (await web.public.get("/donations")).text)
    assert ("オンライン面談", "1") in tally, "a group that reports again is one group"
    clerks = (await web.clerk.get(f"{DESK}/uses")).text
    assert "置き場所にインターネットがない" in clerks


async def test_words_and_a_photo_are_shown_with_consent_and_by_a_clerk_and_no_longer_when_it_ends(
    made: Service, web: Web
) -> None:
    await handed_over(made, web)
    page = await web.public.get("/calls/receipt")
    told = hidden(page) | {"uses": "meetings", "note": "<b>とても助かる</b>", "interview": "yes"}
    bad = await web.public.post("/calls/receipt/usage", data=told, files={"photo": ("a.jpg", b"x")})
    assert (bad.status_code, "もう一度撮影してください" in bad.text, "&lt;b&gt;とても助かる" in bad.text) == (
        422,
        True,
        True,
    )
    long = await web.public.post("/calls/receipt/usage", data=told | {"note": "あ" * 10_000})
    assert (long.status_code, "長すぎます" in long.text) == (422, True)
    picture = {"photo": ("a.jpg", photo(exif=True))}
    assert (await web.public.post("/calls/receipt/usage", data=told, files=picture)).status_code == 303
    agreed = told | {"request": str(uuid7()), "show": "yes", "note": "集会で使う"}
    assert (await web.public.post("/calls/receipt/usage", data=agreed, files=picture)).status_code == 303
    uses = (await web.clerk.get(f"{DESK}/uses")).text
    assert "取材を受けられる" in uses
    reports = [str(row.report) for row in await made.rows("SELECT report FROM usage_notes ORDER BY report")]
    no = await web.clerk.post(f"{DESK}/uses/{reports[0]}", data={"show": "1"}, headers=BY_HAND)
    assert (no.status_code, "公開の同意がない報告です" in no.text) == (409, True)
    case = f"/donations/cases/town-063622/{reports[1]}.jpg"
    assert "集会で使う" not in (await web.public.get("/donations/cases")).text
    assert (await web.public.get(case)).status_code == 404
    assert (await web.clerk.post(f"{DESK}/uses/{reports[1]}", data={"show": "1"})).status_code == 303
    shown = await web.public.get("/donations/cases")
    assert "集会で使う" in shown.text
    assert not [name for name in ("向町一区", "見本", "助かる") if name in shown.text]
    seen = await web.public.get(case)
    assert (seen.content[:2], b"Exif" in seen.content, seen.headers["cache-control"]) == (
        b"\xff\xd8",
        False,
        "no-store",
    )
    assert (await web.clerk.get(f"{DESK}/uses/{reports[0]}.jpg")).status_code == 200
    assert (await web.public.post("/calls/receipt/consent")).status_code == 303
    assert (await web.public.get(case)).status_code == 404
    assert "集会で使う" not in (await web.public.get("/donations/cases")).text
    bodies = b"".join(row.body for row in await made.rows("SELECT body FROM entries")).decode()
    assert not [word for word in ("助かる", "集会") if word in bodies]


async def test_what_is_personal_is_shown_to_whom_it_is_about_and_deleted_on_request(made: Service, web: Web) -> None:
    await handed_over(made, web, photo())
    told = hidden(await web.public.get("/calls/receipt")) | {"uses": "meetings", "note": "集会で使う", "show": "yes"}
    await web.public.post("/calls/receipt/usage", data=told, files={"photo": ("a.jpg", photo())})
    before = await made.rows("SELECT body, salt FROM entries ORDER BY id")
    log = (await web.public.get(f"/calls/{NUMBER}/log.json")).json()
    own = f"{DESK}/applications/063622-0001/personal"
    asked = await web.clerk.post("/donations/personal/find", data={"receipt": "０６３６２２-０００１"})
    assert asked.headers["location"] == own
    for wrong, status, says in (("063622-9999", 404, "見つかりません"), ("1番", 422, "書き方が違います")):
        refused = await web.clerk.post("/donations/personal/find", data={"receipt": wrong})
        assert (refused.status_code, says in refused.text) == (status, True)
    assert "大字向町644" in (await web.clerk.get(own)).text
    saved = (await web.clerk.get(f"{own}?save=1")).json()
    assert (saved["group_name"], saved["usage_reports"][0]["note"]) == ("向町一区", "集会で使う")
    for picture in (saved["usage_reports"][0]["photo"], *saved["hand_over_photos"]):
        assert b64decode(picture.removeprefix("data:image/jpeg;base64,"))[:2] == b"\xff\xd8"
    assert len(saved["hand_over_photos"]) == 1
    assert not {"passphrase_sha256", "name_key", "tenant"} & saved.keys()
    assert (await web.clerk.post(own, data={"confirm": "yes"})).status_code == 303
    assert "すでに消去しました" in (await web.clerk.get(own)).text
    assert "本人の求め" in (await web.clerk.get("/donations/personal")).text
    personal = (tables.applicants, tables.usage_notes, tables.hand_over_photos, tables.review_reasons)
    assert not any((await contents(made, personal)).values())
    assert await made.rows("SELECT body, salt FROM entries ORDER BY id") == before
    assert (await web.public.get(f"/calls/{NUMBER}/log.json")).json() == log
    assert recompute(log).differences == ()
    assert (await web.as_("other", OTHER_TOWN, "clerk").get(own)).status_code == 403


async def test_a_town_says_how_long_it_keeps_what_is_personal(web: Web) -> None:
    assert "36か月" in (await web.clerk.get("/donations/personal")).text
    wrong = await web.clerk.post("/donations/personal", data={"months": "0"})
    assert wrong.status_code == 422
    assert (await web.clerk.post("/donations/personal", data={"months": "１２"})).status_code == 303
    assert "12か月" in (await web.clerk.get("/donations/personal")).text
    assert (await web.public.get("/donations/personal")).status_code == 401


async def test_a_portal_file_is_shown_with_its_lines_before_it_is_taken_in(web: Web) -> None:
    await opened(web)
    at = (datetime.now(UTC) - timedelta(hours=1)).astimezone(ZoneInfo("Asia/Tokyo")).strftime("%Y/%m/%d %H:%M")
    header = "申請番号,申請日時,区分,団体名,代表者,住所,電話番号,希望台数\r\n"
    good = (header + f"E-1,{at},集落,向町二区,見本 花子,向町1,0233-43-0001,２\r\n").encode("cp932")
    bad = (header + f"E-1,{at},病院,向町二区,見本 花子,向町1,0233-43-0001,0\r\n").encode("cp932")
    given = {"request": str(uuid7())}
    preview = await web.clerk.post(f"{DESK}/portal", data=given | {"preview": "1"}, files={"file": ("a.csv", good)})
    assert "新しい応募 1件" in preview.text
    wrong = await web.clerk.post(f"{DESK}/portal", data=given, files={"file": ("a.csv", bad)})
    assert wrong.status_code == 422
    assert "2行目" in wrong.text
    none = await web.clerk.post(f"{DESK}/portal", data=given)
    assert none.status_code == 422
    taken = await web.clerk.post(f"{DESK}/portal", data=given, files={"file": ("a.csv", good)})
    assert taken.headers["location"] == f"{DESK}?new=1&known=0"
    assert "取り込みました" in (await web.clerk.get(taken.headers["location"])).text


async def test_every_page_is_for_whom_it_is_for(web: Web) -> None:
    await opened(web)
    for path in ("/calls", "/calls/receipt", f"/calls/{NUMBER}", APPLY, "/donations"):
        for lang in ("ja", "en"):
            assert (await web.public.get(f"{path}?lang={lang}")).status_code == 200, path
    for path in ("/donations/calls", DESK):
        assert (await web.public.get(path, headers=BY_HAND)).status_code == 401
        assert (await web.as_("worker", "centre-sofmap", "worker").get(path)).status_code == 403
    assert (await web.as_("other", OTHER_TOWN, "clerk").get(DESK)).status_code == 403
    for strange in ("nothing", "063622-2026-9", "063622-%00"):
        assert (await web.public.get(f"/calls/{strange}", headers=BY_HAND)).status_code == 404, strange


async def apply_on_pages(web: Web, **given: str) -> None:
    """Apply in two pages; the cookie then opens the receipt."""
    first = await web.public.get(APPLY)
    second = await web.public.post(APPLY, data=person() | {"category": "hamlet"} | hidden(first) | given)
    wish = {"units": given.get("units", "1"), "uses": "circulars", "network": "no", "consent": "yes"}
    done = await web.public.post(APPLY, data={**hidden(second), **wish})
    assert done.status_code == 303, done.text


def forms(page: httpx.Response, action: str) -> dict[str, str]:
    """Return the hidden fields of the form that goes to an address."""
    found = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page.text, re.DOTALL)
    assert found, page.text
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', found[0]))


async def test_an_applicant_corrects_and_withdraws_by_the_private_link_alone(made: Service, web: Web) -> None:
    await opened(web)
    await apply_on_pages(web)
    shown = await web.public.get("/calls/receipt")
    link = re.search(r'href="[^"]*(/calls/mine/[^"]+)"', shown.text)
    assert link
    web.public.cookies.clear()
    assert (await web.public.get("/calls/receipt/correct", headers=BY_HAND)).status_code == 404
    by_link = await web.public.get(link[1])
    assert (by_link.status_code, by_link.headers["location"]) == (303, "/calls/receipt")
    page = await web.public.get("/calls/receipt/correct")
    assert 'value="向町一区"' in page.text
    assert len(fields(page)) == 8
    typed = person(group="髙橋の区", purpose="") | {"category": "hamlet", "units": "2"} | hidden(page)
    over = await web.public.post("/calls/receipt/correct", data=typed | {"units": "3"})
    assert (over.status_code, "2台までです" in over.text, 'value="髙橋の区"' in over.text) == (409, True, True)
    empty = await web.public.post("/calls/receipt/correct", data=typed | {"phone": ""})
    assert empty.status_code == 422
    assert (await web.public.post("/calls/receipt/correct", data=typed)).status_code == 303
    receipt = await web.public.get("/calls/receipt")
    assert "2台" in receipt.text
    assert (await made.rows("SELECT group_name FROM applicants")) == [("髙橋の区",)]
    asked = forms(receipt, "/calls/receipt/withdraw")
    unsure = await web.public.post("/calls/receipt/withdraw", data=asked)
    assert (unsure.status_code, "印を付けてください" in unsure.text) == (422, True)
    for _ in range(2):
        assert (await web.public.post("/calls/receipt/withdraw", data=asked | {"confirm": "yes"})).status_code == 303
    assert "取り下げました" in (await web.public.get("/calls/receipt")).text
    again = await web.public.post("/calls/receipt/withdraw", data={"confirm": "yes"}, headers=BY_HAND)
    assert (again.status_code, "受付の列にありません" in again.text) == (409, True)
    assert await made.rows("SELECT count(*) FROM withdrawals") == [(1,)]


async def test_a_private_link_that_was_guessed_or_whose_person_was_forgotten_opens_nothing(web: Web) -> None:
    await opened(web)
    await apply_on_pages(web)
    link = re.search(r'href="[^"]*(/calls/mine/[^"]+)"', (await web.public.get("/calls/receipt")).text)
    assert link
    web.public.cookies.clear()
    for wrong in (
        link[1][:-1] + ("0" if link[1][-1] != "0" else "1"),
        "/calls/mine/063622-9999/x",
        "/calls/mine/1/x",
        "/calls/mine/063622-0001/あ",
    ):
        refused = await web.public.get(wrong)
        assert (refused.status_code, "set-cookie" in refused.headers) == (422, False)
        assert "受付番号か照会コードが違います" in refused.text
    for _ in range(20):  # who guesses at a receipt does not lock its owner's own link
        await web.public.get("/calls/mine/063622-0001/" + "0" * 25)
    assert (await web.public.get(link[1])).status_code == 303
    web.public.cookies.clear()
    await web.clerk.delete(f"/api/donations/calls/{NUMBER}/applications/063622-0001/applicant")
    assert (await web.public.get(link[1])).status_code == 422


async def test_who_guesses_at_a_receipt_closes_no_page_to_its_owner(web: Web) -> None:
    """The page behind the link too: its cookie holds no passphrase, whose guesses are counted by receipt."""
    await opened(web)
    await apply_on_pages(web)
    link = re.search(r'href="[^"]*(/calls/mine/[^"]+)"', (await web.public.get("/calls/receipt")).text)
    assert link
    stranger = web.as_("stranger", OTHER_TOWN)
    guess = {"receipt": "063622-0001", "passphrase": "0000-0000"}
    said = [(await stranger.post("/calls/receipt", data=guess)).status_code for _ in range(12)]
    assert said == [422] * 10 + [429] * 2
    stranger.cookies.set("receipt", "063622-0001.0000-0000")
    assert (await stranger.get("/calls/receipt")).status_code == 422
    for _ in range(2):
        for path in ("/calls/receipt", "/calls/receipt/correct"):
            assert (await web.public.get(path)).status_code == 200, path
        asked = forms(await web.public.get("/calls/receipt"), "/calls/receipt/withdraw")
        assert (await web.public.post("/calls/receipt/withdraw", data=asked)).status_code == 422, "only unticked"
        web.public.cookies.clear()
        assert (await web.public.get(link[1])).status_code == 303


REVIEW = {"rule": "review", "criteria": "need 必要性 5\nuse 活用の見込み 3"}


async def test_a_call_by_review_is_marked_by_one_clerk_and_confirmed_by_another(made: Service, web: Web) -> None:
    await prepare_stock(made, 1)
    now = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None)
    opening = opening_form(await web.clerk.get("/donations/calls"), now)
    for wrong, said in (
        ({"rule": ""}, "1つ選んで"),
        ({"rule": "review"}, "審査の観点を1つから"),
        (REVIEW | {"criteria": "x y 101"}, "満点は100まで"),
    ):
        refused = await web.clerk.post("/donations/calls", data=opening | wrong)
        assert (refused.status_code, said in refused.text) == (422, True)
    assert (await web.clerk.post("/donations/calls", data=opening | REVIEW)).status_code == 303
    assert "審査の観点：必要性" in (await web.public.get(f"/calls/{NUMBER}")).text
    for n in (1, 2):
        await apply_on_pages(web, group=f"区{n}", phone=f"0233-43-000{n}")
        web.public.cookies.clear()
    await web.clerk.post(f"{DESK}/close", data={"request": str(uuid7())})
    marks = {f"r-063622-000{n}": f"<b>理由{n}</b>" for n in (1, 2)}
    marks |= {f"p-063622-000{n}-{code}": str(n) for n in (1, 2) for code in ("need", "use")}
    asked = {"request": str(uuid7())}
    missing = await web.clerk.post(
        f"{DESK}/review", data=asked | marks | {"p-063622-0002-use": "4", "r-063622-0001": ""}
    )
    assert missing.status_code == 422
    assert "&lt;b&gt;理由2&lt;/b&gt;" in missing.text
    assert (await web.clerk.post(f"{DESK}/review", data=asked | marks)).status_code == 303
    mine = await web.clerk.get(DESK)
    assert "ほかの職員に" in mine.text
    own = await web.clerk.post(f"{DESK}/review/confirm", data={"request": str(uuid7())})
    assert (own.status_code, "点を付けた人は確認できません" in own.text) == (409, True)
    second = web.as_("clerk-2", "town-063622", "clerk")
    theirs = await second.get(DESK)
    assert "&lt;b&gt;理由1&lt;/b&gt;" in theirs.text
    seen = forms(theirs, f"{DESK}/review/confirm")
    assert (await second.post(f"{DESK}/review/confirm", data=seen | {"confirm": "yes"})).status_code == 303
    assert (await web.clerk.post(f"{DESK}/settle", data={"request": str(uuid7())})).status_code == 303
    assert await made.rows("SELECT receipt FROM grants") == [("063622-0002",)]
    record = await web.public.get("/donations")
    assert "職員2人が確かめた点の高い順" in record.text
    log = await web.public.get(f"/calls/{NUMBER}/log.json")
    assert "attachment" in log.headers["content-disposition"]
    assert recompute(log.json()).differences == ()
    assert not [word for word in ("理由", "clerk", "区1", "見本") if word in log.text]


async def test_a_lottery_says_that_it_waits_for_its_seed_and_a_further_round_begins_on_the_desk(
    made: Service, web: Web
) -> None:
    await prepare_stock(made, 1)
    await opened(web, rule="lottery", units=1)
    assert "だれにも選べません" in (await web.public.get(f"/calls/{NUMBER}")).text
    for n in (1, 2):
        await apply_on_pages(web, group=f"区{n}", phone=f"0233-43-000{n}")
    await web.clerk.post(f"{DESK}/close", data={"request": str(uuid7())})
    assert "種を待っています" in (await web.clerk.get(DESK)).text
    early = await web.clerk.post(f"{DESK}/settle", data={"request": str(uuid7())}, headers=BY_HAND)
    assert (early.status_code, "抽選の種を待っています" in early.text) == (409, True)
    assert "公開台帳に問い合わせる" in (await web.clerk.get(DESK)).text
    assert (await web.clerk.post(f"{DESK}/seed", data={"request": str(uuid7())})).status_code == 303
    again = await web.clerk.post(f"/api/donations/calls/{NUMBER}/seed", json={"request": str(uuid7())})
    assert again.status_code == 201
    async with made.acting() as tx:
        entries = (await ledger.read(tx, (await reading.opened(tx.connection))[0].call)).entries
    closing = next(entry for entry in entries if isinstance(entry.event, CallClosed))
    async with made.consuming() as tx:
        await consumers.handle(tx, [a_notice(closing)])
    assert "公開台帳の6番目" in (await web.clerk.get(DESK)).text
    assert (await web.clerk.post(f"{DESK}/settle", data={"request": str(uuid7())})).status_code == 303
    now = datetime.now(ZoneInfo("Asia/Tokyo")).replace(tzinfo=None)
    further = {
        "request": str(uuid7()),
        "kinds": ["notebook", "desktop"],
        "units": "2",
        "opens_at": (now - timedelta(hours=1)).isoformat(timespec="minutes"),
        "closes_at": (now - timedelta(hours=2)).isoformat(timespec="minutes"),
    }
    wrong = await web.clerk.post(f"{DESK}/rounds", data=further)
    assert (wrong.status_code, "締切が開始より前です" in wrong.text) == (422, True)
    assert (await web.clerk.post(f"{DESK}/rounds", data=further | {"units": "0"})).status_code == 422
    further["closes_at"] = (now + timedelta(days=1)).isoformat(timespec="minutes")
    assert (await web.clerk.post(f"{DESK}/rounds", data=further)).status_code == 303
    poster = await web.public.get(f"/calls/{NUMBER}")
    assert "第2回の募集" in poster.text
    assert "受付中" in poster.text
    await apply_on_pages(web, group="区3", phone="0233-43-0003")
    assert "1団体に1台" in (await web.public.get("/donations")).text


async def test_the_counter_compares_what_is_scanned_keeps_a_picture_and_fills_the_goods_register(
    made: Service, web: Web
) -> None:
    async with made.consuming() as tx:
        label = new_label()
        ready = Ready(item=uuid7(), label=label, item_kind="desktop", grade="A", spec=SPEC)
        await consumers.handle(tx, [recorded(ready), recorded(TakenOver(item=ready.item))])
    await opened(web)
    for n in (1, 2):
        await apply_on_pages(web, group=f"=区{n}", phone=f"0233-43-000{n}")
        web.public.cookies.clear()
    for step in ("close", "settle"):
        await web.clerk.post(f"{DESK}/{step}", data={"request": str(uuid7())})
    ground = {"request": str(uuid7()), "approval": "＝総務第123号", "basis": "財産の譲与に関する条例"}
    assert (await web.clerk.post(f"{DESK}/basis", data=ground | {"basis": ""})).status_code == 422
    assert (await web.clerk.post(f"{DESK}/basis", data=ground)).status_code == 303
    counter = f"{DESK}/applications/063622-0001/hand-over"
    page = await web.clerk.get(counter)
    assert "総務第123号" in page.text
    assert "お渡しする機器がありません" in (await web.clerk.get(counter.replace("0001", "0002"))).text
    typed = hidden(page) | {"labels": label, "receipt_seen": "063622-0001", "agreed": "yes", "confirm": "yes"}
    for change, says in (
        ({"receipt_seen": "063622-0002"}, "控えの番号が違います"),
        ({"labels": new_label()}, "再生した機器の記録にありません"),
        ({"labels": label[:-1]}, "9文字"),
    ):
        wrong = await web.clerk.post(counter, data=typed | change)
        assert (wrong.status_code >= 400, says in wrong.text) == (True, True), wrong.text[-2000:]
    no_photo = await web.clerk.post(counter, data=typed, files={"photo": ("a.jpg", b"<script>")})
    assert no_photo.status_code == 422
    done = await web.clerk.post(counter, data=typed, files={"photo": ("a.jpg", photo(exif=True))})
    assert done.status_code == 303
    [[kept]] = await made.rows("SELECT content FROM hand_over_photos")
    assert bytes(kept)[:2] == b"\xff\xd8"
    assert b"Exif" not in bytes(kept)
    again = await web.clerk.post(counter, data=typed | {"request": str(uuid7())})
    assert (again.status_code, "もうお渡し済みです" in again.text) == (409, True)
    saved = await web.clerk.get("/donations/register.csv")
    assert saved.text.startswith("\ufeff追跡ID")
    assert "'＝総務第123号" in saved.text
    base = f"{DESK}/applications/063622-0001"
    assert (await web.clerk.post(f"{base}/return", data={"reason": "x"})).status_code == 422
    assert (await web.clerk.post(f"{base}/return", data={"reason": "unused"})).status_code == 303
    assert "返却済み" in (await web.clerk.get(DESK)).text
    assert (await web.clerk.post(f"{base}/reoffer", data={"method": "erased"})).status_code == 303
    assert "063622-0002" in str(await made.rows("SELECT receipt FROM grants"))
    assert "財産の譲与に関する条例" in (await web.clerk.get("/donations/register")).text
    assert (await web.public.get("/donations/register.csv")).status_code == 401
