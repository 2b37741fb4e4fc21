"""The pages: the application in two pages, the receipt, the clerk's desk and the public record."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx

from services.donations.tests.conftest import Web, person, prepare_stock
from services.donations.tests.test_api import NUMBER, an_application, an_opening
from shared.ids import uuid7
from shared.testing import OTHER_TOWN, Service

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


async def test_a_recipient_reports_the_use_by_the_receipt(made: Service, web: Web) -> None:
    await prepare_stock(made, 1)
    await opened(web)
    typed = person() | {"category": "hamlet", **hidden(await web.public.get(APPLY))}
    second = await web.public.post(APPLY, data=typed)
    wish = {"units": "1", "uses": "circulars", "network": "no", "consent": "yes"}
    await web.public.post(APPLY, data={**hidden(second), **wish})
    for step in ("close", "settle", "applications/063622-0001/hand-over"):
        assert (await web.clerk.post(f"{DESK}/{step}", data={"request": str(uuid7())})).status_code == 303
    page = await web.public.get("/calls/receipt")
    none = await web.public.post("/calls/receipt/usage", data=hidden(page))
    assert none.status_code == 422
    report = hidden(page) | {"uses": "meetings", "difficulty": "no-network"}
    assert (await web.public.post("/calls/receipt/usage", data=report)).status_code == 303
    assert "オンライン面談" in (await web.public.get("/donations")).text


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
