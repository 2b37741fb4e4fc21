"""Every form of the desk: what has to be mended, or is refused, comes back on its page with all that was typed."""

import html
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.donations.tests.conftest import Web, person, prepare_stock
from services.donations.tests.test_pages import BY_HAND, DESK, apply_on_pages, opened
from shared.events.donations import Criterion
from shared.ids import uuid7
from shared.testing import Service

LIST, PERSONAL, LETTERS = "/donations/calls", "/donations/personal", f"{DESK}/letters"
FIRST, SECOND = (f"{DESK}/applications/063622-000{n}" for n in (1, 2))
AHEAD = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
PAPER = person() | {"category": "hamlet", "channel": "fax", "units": "1", "arrived_at": AHEAD}
ROUND = {"kinds": "notebook", "units": "7", "opens_at": AHEAD, "closes_at": AHEAD}
USE = {"receipt": "063622-0002", "told": "総会資料、研修", "difficulty": "操作"}
MARKS = {"p-063622-0001-need": "4", "p-063622-0001-use": "2", "r-063622-0001": "集会で使う"}
GROUND = {"approval": "総務第123号", "basis": "財産の譲与に関する条例"}
OPENING = {"number": "063622-2026-1", "title": "お譲りします", "rule": "lottery", "kinds": "notebook", "units": "3"}


@dataclass(frozen=True, slots=True)
class Sent:
    """A form as a clerk sends it, and what the page says to it."""

    to: str
    says: str
    typed: dict[str, str] = field(default_factory=dict)
    status: int = 409
    on: str = DESK  # the page that comes back


# Where the call stands, and what is sent there in this order.
FORMS: dict[str, tuple[Sent, ...]] = {
    "open": (
        Sent(f"{DESK}/paper", "届いた日時がいまより後です", PAPER, 422),
        Sent(f"{DESK}/paper", "けたが合いません", PAPER | {"phone": "1"}, 422),
        Sent(f"{DESK}/portal", "ファイルを選んでください", {}, 422),
        Sent(f"{DESK}/settle", "締め切る前に割り当てはできません", {"confirm": "yes"}),
        Sent(f"{DESK}/seed", "抽選をしないか、まだ締め切っていません"),
        Sent(f"{FIRST}/return", "お渡しした機器がない", {"reason": "broken"}),
        Sent(f"{FIRST}/reoffer", "返却された機器がない", {"method": "erased"}),
        Sent(f"{DESK}/rounds", "割り当てが済んでいません", ROUND),
        Sent(LETTERS, "は使えません", {"what": "received", "subject": "件名", "body": "{だれか}様"}, 422, LETTERS),
        Sent(LETTERS, "長すぎます", {"what": "received", "subject": "件" * 300, "body": "本文"}, 422, LETTERS),
        Sent(PERSONAL, "範囲の中の数", {"months": "999"}, 422, PERSONAL),
        Sent(f"{PERSONAL}/find", "見つかりません", {"receipt": "063622-9999"}, 404, PERSONAL),
        Sent(f"{PERSONAL}/find", "書き方が違います", {"receipt": "1番"}, 422, PERSONAL),
        Sent(LIST, "入れてください", OPENING, 422, LIST),
    ),
    "settled": (
        Sent(f"{DESK}/close", "もう締め切ってあります", {"confirm": "yes"}),
        Sent(f"{DESK}/settle", "もう割り当ててあります", {"confirm": "yes"}),
        Sent(f"{SECOND}/refuse", "割り当てた後は", {"confirm": "yes"}),
        Sent(f"{DESK}/basis", "入れてください", GROUND | {"approval": ""}, 422),
        Sent(f"{DESK}/rounds", "範囲の中の数", ROUND | {"units": "0"}, 422),
        Sent(f"{DESK}/rounds", "締切が開始より前です", ROUND, 422),
        Sent(f"{DESK}/usage", "まだお渡ししていない応募です", USE),
        Sent(f"{DESK}/usage", "この受付番号はありません", USE | {"receipt": "063622-9999"}, 404),
        Sent(f"{DESK}/usage", "書き方が違います", USE | {"receipt": "1番"}, 422),
        Sent(f"{FIRST}/hand-over", "9文字", {"labels": "ABC", "agreed": "yes"}, 422, f"{FIRST}/hand-over"),
        Sent(f"{FIRST}/hand-over", "多すぎます", {"labels": "x " * 201}, 422, f"{FIRST}/hand-over"),
        Sent(f"{FIRST}/hand-over", "番号が違います", {"receipt_seen": "1"}, 422, f"{FIRST}/hand-over"),
    ),
    "handed over": (
        Sent(f"{FIRST}/withdraw", "お渡しした応募は取り下げられません", {"confirm": "yes"}),
        Sent(f"{FIRST}/return", "1つ選んでください", {"reason": "x"}, 422),
        Sent(f"{FIRST}/reoffer", "返却された機器がない", {"method": "erased"}),
        Sent(f"{FIRST}/hand-over", "もうお渡し済みです", {"labels": ""}, 409, f"{FIRST}/hand-over"),
    ),
    "returned": (
        Sent(f"{FIRST}/return", "", {"reason": "broken"}),
        Sent(f"{FIRST}/reoffer", "1つ選んでください", {"method": "x"}, 422),
    ),
    "review": (
        Sent(f"{DESK}/review", "範囲の中の数", MARKS | {"p-063622-0001-need": "6"}, 422),
        Sent(f"{DESK}/review", "入れてください", MARKS | {"r-063622-0001": ""}, 422),
        Sent(f"{DESK}/review/confirm", "まだ審査の点が記録されていません", {"review": "x", "confirm": "yes"}),
    ),
}


async def stand(made: Service, web: Web, where: str) -> None:
    """Bring the call to where it is to stand."""
    await prepare_stock(made, 1)
    criteria = [Criterion(code=code, name=code, points_max=5).model_dump() for code in ("need", "use")]
    await opened(web, **({"rule": "review", "criteria": criteria} if where == "review" else {}))
    for n in (1,) if where == "review" else (1, 2):
        await apply_on_pages(web, group=f"区{n}", phone=f"0233-43-000{n}")
        web.public.cookies.clear()
    steps = {"open": 0, "review": 1, "settled": 2, "handed over": 3, "returned": 4}[where]
    walk: tuple[tuple[str, dict[str, str]], ...] = (
        ("close", {}),
        ("settle", {}),
        ("applications/063622-0001/hand-over", {}),
    )
    for path, typed in (*walk, ("applications/063622-0001/return", {"reason": "unused"}))[:steps]:
        done = await web.clerk.post(f"{DESK}/{path}", data={"request": str(uuid7())} | typed)
        assert done.status_code == 303, done.text


def addresses(page: httpx.Response) -> set[str]:
    """Return where the forms of a page go."""
    return {html.unescape(one) for one in re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', page.text)}


def shape(address: str) -> str:
    """Return an address without whose it is."""
    return re.sub(r"063622-00\d\d", "*", address)


@pytest.mark.parametrize("where", FORMS)
async def test_what_is_refused_or_wrong_comes_back_on_its_page_as_it_was_typed(
    made: Service, web: Web, where: str
) -> None:
    await stand(made, web, where)
    for sent in FORMS[where]:
        answer = await web.clerk.post(sent.to, data={"request": str(uuid7())} | sent.typed, headers=BY_HAND)
        assert answer.status_code == sent.status, (sent.to, answer.text[-3000:])
        before = addresses(await web.clerk.get(sent.on))
        assert addresses(answer) == before, f"{sent.to} leaves its page"
        assert 'role="alert"' in answer.text
        assert sent.says in re.sub(r"<[^>]+>", "", answer.text), (sent.to, answer.text[:6000])
        if sent.to in before:
            lost = [said for name, said in sent.typed.items() if name != "confirm" and not shown(answer, name, said)]
            assert not lost, (sent.to, lost)


def shown(page: httpx.Response, name: str, said: str) -> bool:
    """Tell whether a field of the page holds what was typed; a choice that there is not need not stand."""
    if said in {"", "x"}:
        return True
    field = rf'name="{re.escape(name)}"'
    value = rf'value="{re.escape(html.escape(said))}"'
    tags = re.findall(rf"<input[^>]*{field}[^>]*>", page.text)
    texts = re.findall(rf"<textarea[^>]*{field}[^>]*>\n?(.*?)</textarea>", page.text, re.DOTALL)
    chosen = re.findall(rf"<option {value} selected", page.text)
    kept = [tag for tag in tags if re.search(value, tag) and ('type="radio"' not in tag or "checked" in tag)]
    return bool(kept or chosen or html.escape(said).strip() in [one.strip() for one in texts])


async def test_no_form_of_the_desk_is_left_out(made: Service, web: Web) -> None:
    tried = {shape(sent.to) for many in FORMS.values() for sent in many}
    await stand(made, web, "returned")
    pages = (LIST, DESK, LETTERS, PERSONAL, f"{SECOND}/hand-over")
    found = {shape(one) for path in pages for one in addresses(await web.clerk.get(path))}
    assert found <= tried
    assert len(found) > 5
