"""Every page for its readers: both languages, refused to others, refusals said, nothing private in public."""

import html
import io
import os
import random
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import xlsxwriter

from services.tracking.commands import cages, items, losses, parties
from services.tracking.consumers import consumers
from services.tracking.domain import columns, inventory, workbook
from services.tracking.pages import public as pages_public
from services.tracking.pages.inventory import WORKBOOK, pack, unpack
from services.tracking.pages.lines import Moment, lines
from services.tracking.pages.place import desk
from services.tracking.reading import overview
from services.tracking.tests.world import founded, registered, row
from shared.entry import Entry, Event
from shared.events.certificates import CertificateIssued
from shared.events.donations import HandedOver
from shared.events.erasure import Evidence, MediumDestroyed, MediumErased, Photo, Reason
from shared.events.refurb import DeliveredToTown, Ready, Recycled, Spec, StepDone, Weight
from shared.identity import Principal, issue, make_identity_key
from shared.ids import derived, uuid7
from shared.levels import Level
from shared.refused import Invalid
from shared.settings import settings
from shared.testing import CENTRE, NOW, TOWN, WORKER, Service, recorded

SPEC = Spec(os="Windows 11", ssd_gb=240, memory_gb=8, office="LibreOffice", support_months=3)
NAMES = {"clerk": "阿部花子", "worker": "髙﨑健", "worker2": "小林実", "witness": "佐藤次郎", "approver": "高橋課長"}
PRIVATE = [*NAMES.values(), *NAMES, "PC-RICH", "RICH", "総務課", "A-RICH", "nvme.json", "秘密の理由"]


@dataclass(slots=True)
class Web:
    """One browser a person, without a bus: what was recorded is heard when the test says so."""

    client: httpx.AsyncClient
    tracking: Service
    tokens: dict[str, str]

    async def get(self, path: str, *, who: str = "", lang: str = "ja") -> httpx.Response:
        return await self.client.get(path, headers=self._as(who, lang))

    async def post(self, path: str, *, who: str = "", lang: str = "ja", **fields: Any) -> httpx.Response:
        self.client.cookies.clear()
        data = {"request": str(uuid7())} | fields
        sent = await self.client.post(path, data=data, headers=self._as(who, lang))
        await heard(self.tracking)
        return sent

    def _as(self, who: str, lang: str) -> dict[str, str]:
        self.client.cookies.clear()
        said = {"accept": "text/html", "accept-language": lang}
        return said | ({"authorization": f"Bearer {self.tokens[who]}"} if who else {})


@dataclass(slots=True)
class World:
    """Five devices, each at another place of its way."""

    engagement: UUID
    rich: Entry[Any]  # through everything to its new owner
    waiting: Entry[Any]  # refurbished, and the town has not taken it over
    bare: Entry[Any]  # only registered
    scrap: Entry[Any]  # recycled
    held: Entry[Any]  # registered, for what tests do to it

    @property
    def query(self) -> str:
        return f"town={TOWN}&engagement={self.engagement}"


async def heard(tracking: Service, *others: Entry[Any]) -> None:
    """Let tracking's consumers hear its own ledger and what other services said."""
    own = [
        Entry.read(entry.body, entry.salt)
        for entry in await tracking.rows("SELECT body, salt FROM entries ORDER BY recorded_at, stream, sequence")
    ]
    async with tracking.consuming() as tx:
        await consumers.handle(tx, [*own, *others])


def erased(item: Entry[Any], level: Level = Level.PURGE) -> Entry[Any]:
    known, medium = item.event, item.event.media[0]
    event = MediumErased(
        medium=medium.id,
        item=known.item,
        label=known.label,
        serial=medium.serial,
        technique="nvme-block-erase",
        achieved=level,
        required=Level.PURGE,
        sufficient=level >= Level.PURGE,
        reasons=(Reason(code="x", ja="秘密の理由です。", en="A private reason."),),
        table_version="1",
        evidence=Evidence(sha256="0" * 64, filename="nvme.json", tool="nvme-cli"),
        operator="worker",
        witness="witness",
        place="on-site",
    )
    return recorded(event, stream=medium.id, by=WORKER)


def afterwards(item: Entry[Any], *, ready: bool) -> list[Entry[Any]]:
    """What the other services recorded about an item from crushing on."""
    known, medium = item.event, item.event.media[0]
    about: dict[str, Any] = {"item": known.item, "label": known.label}
    photo = Photo(sha256="1" * 64, role="after")
    destroyed = MediumDestroyed(
        medium=medium.id,
        serial=medium.serial,
        technique="crush",
        machine="M1",
        photos=(photo,),
        operator="worker",
        **about,
    )
    issued = CertificateIssued(
        certificate=derived(medium.id, "d"),
        number=f"D-{known.label}",
        certificate_kind="destruction",
        medium=medium.id,
        input_sha256="2" * 64,
        pdf_sha256="3" * 64,
        json_sha256="4" * 64,
        key="k",
        log_index=0,
        **about,
    )
    events: list[tuple[Event, UUID]] = [(destroyed, uuid7()), (issued, derived(medium.id, "d"))]
    if ready:
        events += [(StepDone(item=known.item, step=step), uuid7()) for step in ("ssd", "os", "cleaning", "support")]
        events.append((Ready(item_kind=known.item_kind, grade="A", spec=SPEC, **about), uuid7()))
    else:
        weight = Weight(material="ferrous", kg=3.5)
        events.append((Recycled(weights=(weight,), manifest="N-1", operator="再資源", **about), uuid7()))
    return [
        recorded(event, stream=stream, by=WORKER, at=NOW + timedelta(minutes=nth))
        for nth, (event, stream) in enumerate(events)
    ]


@pytest.fixture(scope="module")
async def world(tracking: Service) -> World:
    engagement = await founded(tracking)
    roles = {"clerk": "clerk", "witness": "witness", "approver": "approver"}
    async with tracking.acting() as tx:
        for person, role in roles.items():
            await parties.enrol(tx, person, name=NAMES[person], title="情報係", contact=None, roles=[role])
        await items.register_lot(tx, engagement, "monitor", 59)
    async with tracking.acting(CENTRE, WORKER) as tx:
        for person in ("worker", "worker2"):
            await parties.enrol(tx, person, name=NAMES[person], title=None, contact=None, roles=["worker"])
    rich, waiting, bare, scrap, held = await registered(
        tracking,
        engagement,
        [row("RICH", kind="desktop"), row("WAITING"), row("BARE"), row("SCRAP"), row("HELD")],
    )
    travelled = (rich, waiting, scrap)
    await heard(tracking, *(erased(one) for one in travelled))
    async with tracking.acting(TOWN, WORKER) as tx:
        sealed = await cages.seal(tx, engagement, "1", "4817", [one.stream for one in travelled])
        await cages.hand_over(tx, sealed.stream, vehicle="庄内 1")
    async with tracking.acting(TOWN, WORKER, at=NOW + timedelta(hours=20)) as tx:
        await cages.open_(
            tx, sealed.stream, seal_seen="4817", found=[one.stream for one in travelled], centre=CENTRE, difference=None
        )
        await items.name_candidate(tx, rich.stream)
        await items.name_candidate(tx, waiting.stream)
        await items.choose_recycling(tx, scrap.stream, None)
    told = [event for one in travelled for event in afterwards(one, ready=one is not scrap)]
    delivered = DeliveredToTown(item=rich.stream, label=rich.event.label, item_kind="desktop")
    call = uuid7()
    given = HandedOver(call=call, application=uuid7(), receipt="1", category="hamlet", items=(rich.stream,))
    await heard(tracking, *told, recorded(delivered, stream=uuid7(), by=WORKER))
    async with tracking.acting() as tx:
        await items.scan(tx, [items.Scanned(rich.stream, "taken-over", _request(), NOW + timedelta(days=1))])
    await heard(tracking, recorded(given, stream=uuid7(), at=NOW + timedelta(days=2)))
    return World(engagement, rich, waiting, bare, scrap, held)


def _request() -> Any:
    from shared.entry import Request

    return Request(id=uuid7(), digest="x")


@pytest.fixture(scope="module")
async def web(tracking: Service, world: World) -> AsyncIterator[Web]:
    os.environ |= {"MEGURU_ROLE": "api", "MEGURU_DEVELOPMENT_LOGIN": "true"}
    settings.cache_clear()
    known = settings()
    key = make_identity_key(known.keys)
    people = {
        "clerk": Principal("clerk", TOWN, frozenset({"clerk"}), "town", "最上町"),
        "admin": Principal("admin", TOWN, frozenset({"town-admin", "clerk"}), "town", "最上町"),
        "approver": Principal("approver", TOWN, frozenset({"approver"}), "town", "最上町"),
        "worker": Principal("worker", CENTRE, frozenset({"worker"}), "centre", "ITADセンター"),
        "manager": Principal("manager", CENTRE, frozenset({"centre-manager"}), "centre", "ITADセンター"),
        "usurper": Principal("worker2", CENTRE, frozenset({"worker", "clerk", "approver"}), "centre", "ITADセンター"),
        "stranger": Principal("stranger", "centre-other", frozenset({"worker"}), "centre", "別のセンター"),
        "operator": Principal("operator", "platform", frozenset({"platform-operator"}), "platform", "運用"),
    }
    from services.tracking.app import app

    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=known.origin) as client:
            tokens = {name: issue(key, who, issuer=known.origin) for name, who in people.items()}
            yield Web(client, tracking, tokens)


async def token_of(tracking: Service, item: Entry[Any]) -> str:
    rows = await tracking.rows("SELECT token FROM labels WHERE item = :item", item=item.stream)
    token: str = rows[0].token
    return token


# ── everybody ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_entrance_leads_each_to_their_first_page(web: Web) -> None:
    assert (await web.get("/")).headers["location"] == "/lookup"
    assert (await web.get("/", who="clerk")).headers["location"] == "/dashboard"
    assert (await web.get("/", who="operator")).headers["location"] == "/towns"


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("path", ["/lookup", "/log", "/keys", "/signin"])
async def test_public_pages_stand_in_both_languages(web: Web, path: str, lang: str) -> None:
    page = await web.get(path, lang=lang)
    assert page.status_code == 200
    assert f'<html lang="{lang}">' in page.text


async def test_the_bare_id_tells_step_and_date_and_the_token_the_whole_way(
    web: Web, world: World, tracking: Service
) -> None:
    label = world.rich.event.label
    bare = await web.get(f"/t/{label.lower()}")
    assert bare.status_code == 200
    assert "終了" in bare.text
    assert "SSD換装" not in bare.text
    assert "最上町の" not in bare.text
    token = await token_of(tracking, world.rich)
    whole = await web.get(f"/T/{label}/{token.lower()}")
    assert whole.status_code == 200
    for word in ("この機器のデータは粉砕され、追跡は終了しました。", "SSD", "寄贈", "最上町のデスクトップ"):
        assert word in whole.text


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_the_public_page_names_no_person_serial_or_department(
    web: Web, world: World, tracking: Service, lang: str
) -> None:
    token = await token_of(tracking, world.rich)
    for path in (f"/t/{world.rich.event.label}", f"/t/{world.rich.event.label}/{token}"):
        page = (await web.get(path, lang=lang)).text
        assert [word for word in PRIVATE if word in page] == []


async def test_an_unknown_id_and_a_wrong_token_answer_alike(web: Web, world: World, tracking: Service) -> None:
    token = await token_of(tracking, world.rich)
    wrong = await web.get(f"/t/{world.rich.event.label}/{token[::-1]}")
    unknown = await web.get(f"/t/NA74QKCHQ/{token}")
    assert wrong.status_code == unknown.status_code == 404
    known, other = (re.sub(r"/t/\w+/\w+", "", page.text) for page in (wrong, unknown))
    assert known == other


async def test_the_lookup_answers_up_to_ten_each_by_itself(web: Web, world: World, tracking: Service) -> None:
    label = world.rich.event.label
    token = await token_of(tracking, world.rich)
    one = await web.get(f"/lookup?id=HTTPS://X.EXAMPLE/T/{label}/{token}")
    assert one.headers["location"] == f"/t/{label}/{token}"
    assert (await web.get(f"/lookup?id={label}")).headers["location"] == f"/t/{label}"
    several = await web.get(f"/lookup?id={label}+NA74QKCHQ+12345")
    assert several.status_code == 200
    assert "この追跡IDの記録はありません" in several.text
    assert "追跡IDは9文字です" in several.text
    bad = await web.get("/lookup?id=NA74QKCHX")
    assert bad.status_code == 422
    assert "最後の文字が合いません" in bad.text
    many = await web.get("/lookup?id=" + "+".join([label] * 12))
    assert "10件までです" in many.text
    assert many.text.count(f"/t/{label}") == 10


async def test_guessing_from_one_address_is_held_down_with_a_sentence(
    web: Web, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from limits import RateLimitItemPerMinute

    monkeypatch.setattr(pages_public, "BARE", RateLimitItemPerMinute(2, namespace="test"))
    answers = [await web.get(f"/t/{world.bare.event.label}") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert "短い間に多くの要求がありました" in answers[-1].text
    assert answers[-1].headers["retry-after"] == "60"


async def test_development_sign_in_lists_people_and_is_a_sentence_where_it_is_off(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await web.get("/signin")
    assert NAMES["clerk"] in page.text
    assert 'name="person" value="clerk"' in page.text
    monkeypatch.setenv("MEGURU_DEVELOPMENT_LOGIN", "false")
    settings.cache_clear()
    closed = await web.get("/signin")
    monkeypatch.undo()
    settings.cache_clear()
    assert NAMES["clerk"] not in closed.text
    assert "認証の画面" in closed.text


# ── who may see what ─────────────────────────────────────────────────────────────────────────────────────────────────

READERS: list[tuple[str, str, list[str], list[str]]] = [
    ("/dashboard", "clerk", ["worker"], ["", "stranger"]),
    ("/items", "clerk", ["worker"], ["", "stranger"]),
    ("/reports", "clerk", ["worker"], ["", "stranger"]),
    ("/engagements", "admin", ["worker", "clerk"], [""]),
    ("/policy", "admin", ["worker", "clerk"], [""]),
    ("/inventory", "clerk", ["admin"], ["", "worker"]),
    ("/receiving", "worker", ["manager"], ["", "clerk", "stranger"]),
    ("/cages", "worker", ["manager"], ["", "clerk", "stranger"]),
    ("/capture/received", "worker", ["manager"], ["", "clerk"]),
    ("/capture/taken-over", "clerk", ["admin"], ["", "worker"]),
    ("/people", "admin", ["manager", "operator"], ["", "clerk"]),
    ("/towns", "operator", [], ["", "admin", "worker"]),
]


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize(("path", "first", "others", "refused"), READERS, ids=[row[0] for row in READERS])
async def test_each_page_stands_for_its_readers_and_is_refused_to_others(
    web: Web, *, path: str, first: str, others: list[str], refused: list[str], lang: str
) -> None:
    for who in [first, *others]:
        page = await web.get(path, who=who, lang=lang)
        assert page.status_code == 200, (who, page.text[:2000])
        assert f'<html lang="{lang}">' in page.text
        assert "<h1" in page.text
    for who in refused:
        page = await web.get(path, who=who, lang=lang)
        assert page.status_code in (401, 403, 404), (who, page.status_code)


@pytest.mark.parametrize("who", ["", "stranger"])
async def test_a_device_is_hidden_from_strangers(web: Web, world: World, who: str) -> None:
    page = await web.get(f"/items/{world.rich.event.label}", who=who)
    assert page.status_code == (404 if who else 401)
    assert "RICH" not in page.text


@pytest.mark.parametrize(("who", "status"), [("", 401), ("stranger", 403)])
async def test_who_may_not_see_a_town_hears_nothing_of_it(web: Web, who: str, status: int) -> None:
    assert (await web.get(f"/live/{TOWN}", who=who)).status_code == status


# ── what the pages say ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_dashboard_counts_from_items_and_names_the_one_machine_two_counts_disagree_about(
    web: Web, world: World
) -> None:
    page = (await web.get(f"/dashboard?{world.query}", who="clerk")).text
    assert "モニター59台" in page
    assert "再生した台数が、町1台とセンター2台で違います" in page
    assert f'<a href="/items/{world.waiting.event.label}">' in page
    assert "この機器を見る" in page
    assert "<svg" in page
    assert "同じ数の表" in page
    placed = re.search(r"登録した数と一致.*?</tr>", page, re.DOTALL)
    assert placed
    assert re.findall(r'class="n">(\d+)<', placed[0]) == ["5", "59"]


async def test_each_reader_finds_the_rarer_pages_from_the_first_one(web: Web) -> None:
    offered = {
        "clerk": ({"/inventory", "/engagements", "/policy", "/signin"}, "/dashboard"),
        "admin": ({"/inventory", "/engagements", "/policy", "/people", "/signin"}, "/dashboard"),
        "worker": ({"/cages", "/receiving", "/engagements", "/policy", "/signin"}, "/dashboard"),
        "operator": ({"/people", "/signin"}, "/towns"),
    }
    for who, (links, first) in offered.items():
        page = (await web.get(first, who=who)).text
        found = re.findall(r'mg-button--plain" href="(/[a-z]+)', page.split('id="office"')[1])
        assert set(found) == links
        for link in found:
            assert (await web.get(link, who=who)).status_code == 200


async def test_what_is_left_is_said_with_its_number_in_both_languages(web: Web, world: World) -> None:
    japanese = (await web.get(f"/dashboard?{world.query}", who="clerk")).text
    english = (await web.get(f"/dashboard?{world.query}", who="clerk", lang="en")).text
    assert re.search(r"</svg>あと\d+</span>", japanese)
    assert re.search(r"</svg>\d+ left</span>", english)
    cages_page = (await web.get(f"/cages?{world.query}", who="worker", lang="en")).text
    assert '">Not yet</td>' in cages_page
    assert '">Missing</td>' not in cages_page


async def test_a_foreign_engagement_is_unknown(web: Web) -> None:
    page = await web.get(f"/dashboard?engagement={uuid7()}", who="clerk")
    assert page.status_code == 404
    assert "契約" in page.text


async def test_the_list_filters_by_step_place_and_kind(web: Web, world: World) -> None:
    async def labels(query: str) -> set[str]:
        page = (await web.get(f"/items?{world.query}&{query}", who="clerk")).text
        return set(re.findall(r'href="/items/(\w{9})"', page))

    named = {name: getattr(world, name).event.label for name in ("rich", "waiting", "bare", "scrap", "held")}
    assert await labels("") == set(named.values())
    assert await labels("step=taken-over") == {named["rich"]}
    assert await labels("step=given") == {named["rich"]}
    assert await labels("step=ssd") == {named["rich"], named["waiting"]}
    assert await labels("place=centre") == {named["waiting"]}
    assert await labels("place=recycled") == {named["scrap"]}
    assert await labels("place=town") == {named["bare"], named["held"]}
    assert await labels("kind=desktop") == {named["rich"]}
    assert await labels("step=nonsense") == set()


@pytest.mark.parametrize(("lang", "said"), [("ja", "まだ出庫できません。あと1つ必要です。"), ("en", "Purge")])
async def test_a_device_page_says_what_is_missing_before_it_may_leave(
    web: Web, world: World, lang: str, said: str
) -> None:
    page = (await web.get(f"/items/{world.bare.event.label}", who="worker", lang=lang)).text
    assert said in page
    assert "BARE" in page
    assert f'action="/items/{world.bare.event.label}/exception"' in page
    done = (await web.get(f"/items/{world.rich.event.label}", who="clerk", lang=lang)).text
    assert f'href="/certificates/D-{world.rich.event.label}"' in done
    assert NAMES["worker"] in done
    assert "nvme.json" in done


async def test_an_exception_takes_three_people_and_a_refusal_keeps_what_was_typed(web: Web, world: World) -> None:
    path = f"/items/{world.held.event.label}"
    medium = str(world.held.event.media[0].id)
    empty = await web.post(f"{path}/exception", who="worker", medium=medium, reason="", witness="witness")
    assert empty.status_code == 422
    assert 'id="reason-e"' in empty.text
    alone = await web.post(f"{path}/exception", who="worker", medium=medium, reason="電源が入らない", witness="worker")
    assert alone.status_code == 409
    assert 'role="alert"' in alone.text
    assert "別の人が必要です" in alone.text
    assert "電源が入らない" in alone.text
    english = await web.post(f"{path}/exception", who="worker", lang="en", reason="dead", witness="worker")
    assert "The witness must be another person." in english.text
    asked = await web.post(f"{path}/exception", who="worker", medium=medium, reason="電源が入らない", witness="witness")
    assert asked.status_code == 303
    waiting = await web.get(f"/dashboard?{world.query}", who="approver")
    assert "承認待ち" in waiting.text
    assert "あと2" in waiting.text
    assert "例外 " not in waiting.text
    for who in ("clerk", "usurper"):
        assert (await web.post(f"{path}/approval", who=who, medium=medium)).status_code == 403
    approved = await web.post(f"{path}/approval", who="approver", medium=medium)
    assert approved.status_code == 303
    counted = (await web.get(f"/dashboard?{world.query}", who="approver")).text
    assert "例外 1" in counted
    assert "あと1" in counted, "what is allowed to leave unerased is not left to do"
    page = (await web.get(approved.headers["location"], who="worker")).text
    assert "記録しました" in page
    assert "まだ出庫できません" not in page


async def test_a_leased_chassis_is_recycled_for_a_reason_given_on_its_page(
    web: Web, tracking: Service, world: World
) -> None:
    (leased,) = await registered(tracking, world.engagement, [row("LEASED", lessor="見本リース")])
    path = f"/items/{leased.event.label}"
    assert (await web.post("/capture/received", who="worker", scan=leased.event.label)).status_code == 303
    page = (await web.get(path, who="worker")).text
    assert 'for="why"' in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)), "what a label or a link points at is one thing"
    assert f'action="{path}/candidate"' not in page, "it would only be refused"
    silent = await web.post(f"{path}/recycling", who="worker", lang="en", why=" ")
    assert silent.status_code == 422
    assert re.search(r'id="why-e">.*A leased chassis goes back to the lessor', silent.text)
    sent = await web.post(f"{path}/recycling", who="worker", why="貸主の処分依頼書 R8-3")
    assert sent.status_code == 303
    assert "貸主の処分依頼書 R8-3" in (await web.get(path, who="clerk")).text


async def test_a_lot_is_counted_where_it_leaves_and_where_it_arrives(web: Web, tracking: Service) -> None:
    engagement = await founded(tracking, contract="R8-lots")
    async with tracking.acting() as tx:
        one = await items.register_lot(tx, engagement, "monitor", 59)
    await heard(tracking)
    label, query = one.event.label, f"town={TOWN}&engagement={engagement}"
    for path, step, count, word in (
        ("/cages", "shipped-out", "59", "出庫の台数を記録する"),
        ("/receiving", "received", "58", "入庫の台数を記録する"),
    ):
        page = (await web.get(f"{path}?{query}", who="worker")).text
        assert word in page
        ids = re.findall(r' id="([^"]+)"', page)
        assert len(ids) == len(set(ids)), "what a label or a link points at is one thing"
        wrong = await web.post(f"/lots/{step}?{query}", who="worker", lot=label, counted="たくさん")
        assert wrong.status_code == 422
        assert 'id="counted-e"' in wrong.text
        why = {"why": "1台たりない", "other": "worker2"} if count == "58" else {}
        if why:
            silent = await web.post(f"/lots/{step}?{query}", who="worker", lot=label, counted=count)
            assert silent.status_code == 409
            assert "合いません" in silent.text
        sent = await web.post(f"/lots/{step}?{query}", who="worker", lot=label, counted=count, **why)
        assert sent.headers["location"].startswith(path)
        await heard(tracking)
        page = (await web.get(sent.headers["location"], who="worker")).text
        assert (word in page) is bool(why), "what differs may be counted again"
        assert f">{count}<" in page
    again = await web.post(f"/lots/received?{query}", who="worker", lot=label, counted="57")
    assert again.status_code == 409
    assert "もう記録されています" in again.text
    assert (await web.post(f"/lots/received?{query}", who="clerk", lot=label, counted="59")).status_code == 403
    strange = await web.post(f"/lots/received?{query}", who="worker", lot="7K3D9Q2MX", counted="59")
    assert strange.status_code == 404


async def test_what_the_town_takes_over_and_what_the_centre_delivers_have_two_words(
    web: Web, tracking: Service, world: World
) -> None:
    page = (await web.get(f"/items/{world.rich.event.label}", who="clerk")).text
    assert "受け取り済み" in page
    assert "町へ納品" in page
    assert "納品済み" not in page
    async with tracking.acting() as tx:
        counts = await overview(tx.connection, world.engagement)
    assert world.waiting.event.label in counts.apart
    assert counts.not_delivered == [world.waiting.event.label]
    delivered = DeliveredToTown(item=world.waiting.stream, label=world.waiting.event.label, item_kind="notebook")
    await heard(tracking, recorded(delivered, stream=uuid7(), by=WORKER))
    async with tracking.acting() as tx:
        counts = await overview(tx.connection, world.engagement)
    assert (counts.not_delivered, counts.apart) == ([], [world.waiting.event.label])


async def test_a_form_sent_twice_records_once(web: Web, world: World, tracking: Service) -> None:
    path, request = f"/items/{world.waiting.event.label}/difference", str(uuid7())
    for _ in range(2):
        sent = await web.post(path, who="clerk", request=request, reason="棚に残っている", second="worker")
        assert sent.status_code == 303, sent.text
    rows = await tracking.rows("SELECT stream FROM timeline WHERE data->>'about' = 'delivery'")
    assert len(rows) == 1
    page = await web.get(f"/differences/{rows[0].stream}?{world.query}", who="worker")
    assert world.waiting.event.label[:4] in page.text
    assert NAMES["worker"] in page.text
    path = f"/differences/{rows[0].stream}"
    early = await web.post(f"{path}?{world.query}", who="worker", outcome="found", explanation="棚で見つけた")
    assert early.status_code == 409
    assert "まだ読み取っていない機器" in early.text
    seen = await web.post(f"{path}/sighting?{world.query}", who="worker", scan=world.waiting.event.label)
    assert seen.status_code == 303
    closed = await web.post(
        f"/differences/{rows[0].stream}?{world.query}", who="worker", outcome="found", explanation="棚で見つけた"
    )
    assert closed.status_code == 303
    again = await web.post(
        f"/differences/{rows[0].stream}?{world.query}", who="worker", outcome="lost", explanation="ちがう"
    )
    assert again.status_code == 409
    assert "もう閉じています" in again.text


async def test_a_cage_goes_only_when_everything_is_proved_and_comes_short_by_name(
    web: Web, tracking: Service, world: World
) -> None:
    one, two = await registered(tracking, world.engagement, [row("CAGE-1"), row("CAGE-2")])
    await heard(tracking, erased(one))
    labels = f"{one.event.label}\n{two.event.label}"
    wrong = await web.post(f"/cages?{world.query}", who="worker", number="7", seal="S7", labels=f"{labels}\nNA74QKCHQ")
    assert wrong.status_code == 409
    assert "NA74-QKCH-Q" in wrong.text
    assert one.event.label in wrong.text
    sealed = await web.post(f"/cages?{world.query}", who="worker", number="7", seal="S7", labels=labels)
    assert sealed.status_code == 303, sealed.text
    page = (await web.get(sealed.headers["location"], who="worker")).text
    assert "CAGE-2" in page
    assert "CAGE-1" not in page
    cage = cages.cage_of(world.engagement, "7")
    refused = await web.post(f"/cages/{cage}/hand-over?{world.query}", who="worker", vehicle="庄内 2")
    assert refused.status_code == 409
    assert "まだ出庫できません" in refused.text
    assert "CAGE-2" in refused.text
    assert 'value="庄内 2"' in refused.text
    await heard(tracking, erased(two))
    gone = await web.post(f"/cages/{cage}/hand-over?{world.query}", who="worker", vehicle="庄内 2")
    assert gone.status_code == 303, gone.text

    scanned = await web.post(f"/receiving?{world.query}", who="worker", scan=one.event.label)
    assert scanned.status_code == 303, scanned.text
    short = await web.get(f"/receiving?{world.query}&cage={cage}", who="worker")
    assert "見つからない 1台" in short.text
    assert two.event.label in short.text
    silent = await web.post(f"/receiving/{cage}?{world.query}", who="worker", seal="S7", reason="", second="")
    assert silent.status_code == 409
    assert "合いません" in silent.text
    half = await web.post(f"/receiving/{cage}?{world.query}", who="worker", seal="S7", reason="ない", second="")
    assert half.status_code == 422
    own = await web.post(f"/receiving/{cage}?{world.query}", who="worker", seal="S7", reason="ない", second="worker")
    assert "別の人が必要です" in own.text
    told = await web.post(f"/receiving/{cage}?{world.query}", who="worker", seal="S7", reason="ない", second="worker2")
    assert told.status_code == 303, told.text
    for who in ("clerk", "worker"):
        assert "台数の差が閉じていません" in (await web.get(f"/dashboard?{world.query}", who=who)).text


async def test_the_capture_place_works_as_a_plain_form(web: Web, tracking: Service, world: World) -> None:
    (one,) = await registered(tracking, world.engagement, [row("PLAIN")])
    first = await web.get("/capture", who="worker")
    assert first.headers["location"] == "/capture/received"
    page = await web.get(f"/capture/received?scan={one.event.label}", who="worker")
    assert "この機器を記録する" in page.text
    assert 'data-url="/api/tracking/scans" data-work="received"' in page.text
    assert "wasm-unsafe-eval" in page.headers["content-security-policy"]
    sent = await web.post("/capture/received", who="worker", scan=one.event.label)
    breaks = "&breaks=not-shipped-out&breaks=level-not-proved"
    assert sent.headers["location"] == f"/capture/received?recorded={one.event.label}{breaks}"
    for lang, said in (("ja", "出庫の記録がないまま入庫しました"), ("en", "Received without having been shipped out")):
        assert said in (await web.get(sent.headers["location"], who="worker", lang=lang)).text
    foreign = await web.get("/capture/received?recorded=x&breaks=nonsense", who="worker")
    assert "出庫の記録がない" not in foreign.text
    bad = await web.post("/capture/received", who="worker", scan="NA74QKCHX")
    assert bad.status_code == 422
    assert "最後の文字が合いません" in bad.text
    kinds = [one.kind for one in await tracking.rows("SELECT kind FROM entries WHERE stream = :s", s=one.stream)]
    assert "tracking.received.v1" in kinds


# ── the office ───────────────────────────────────────────────────────────────────────────────────────────────────────

HEAD = "物品番号,種別,ネットワーク,機密性,媒体種別,媒体製造番号"


async def preview(web: Web, world: World, csv: str, encoding: str = "cp932") -> httpx.Response:
    return await preview_file(web, world, csv.encode(encoding))


async def preview_file(web: Web, world: World, content: bytes) -> httpx.Response:
    web.client.cookies.clear()
    return await web.client.post(
        f"/inventory/preview?{world.query}",
        data={"request": str(uuid7())},
        files={"file": ("台帳", content, "application/octet-stream")},
        headers={"accept": "text/html", "authorization": f"Bearer {web.tokens['clerk']}"},
    )


async def test_an_inventory_is_previewed_with_its_problem_lines_and_registered_once(
    web: Web, tracking: Service, world: World
) -> None:
    bad = await preview(
        web, world, f"{HEAD}\nR1,ノート,個人番号利用事務系,3,HDD,0001\nR2,電話,個人番号利用事務系,3,HDD,\n"
    )
    assert "3行目" in bad.text
    assert "媒体製造番号がありません" in bad.text
    assert 'name="packed"' not in bad.text
    good = await preview(web, world, f"{HEAD}\nR1,ノート,個人番号利用事務系,3,HDD,000E12\n")
    packed = re.search(r'name="packed" value="([^"]+)"', good.text)
    assert packed
    assert "000E12" in good.text
    before = len(await tracking.rows("SELECT item FROM items"))
    form = {"packed": packed[1], "request": str(uuid7())}
    for _ in range(2):  # the second is a double click: the same answer
        sent = await web.post(f"/inventory?{world.query}", who="clerk", **form)
        assert sent.status_code == 303, sent.text
    same = await preview(web, world, f"{HEAD}\nR1,ノート,個人番号利用事務系,3,HDD,000E12\n\n", "utf-8-sig")
    later = await web.post(f"/inventory?{world.query}", who="clerk", packed=packed[1])
    for answer in (same, later):
        assert answer.status_code == 200
        assert "もう登録されています（1台）" in answer.text
        assert 'name="packed"' not in answer.text
    more = await preview(web, world, f"{HEAD}\nR9,ノート,個人番号利用事務系,3,HDD,N9\nR1,ノート,LGWAN接続系,3,HDD,N1\n")
    assert "物品番号 R1 は、追跡ID" in more.text
    assert 'name="packed"' not in more.text
    again = pack(f"{HEAD}\nR9,ノート,個人番号利用事務系,3,HDD,000E12\n".encode())
    taken = await web.post(f"/inventory?{world.query}", who="clerk", packed=again)
    assert taken.status_code == 422
    assert "媒体製造番号 000E12 は、追跡ID" in taken.text
    assert len(await tracking.rows("SELECT item FROM items")) == before + 1
    page = await web.get(sent.headers["location"], who="clerk")
    assert f"/labels?town={TOWN}&amp;engagement={world.engagement}" in page.text
    dice = random.Random(1)
    words = [[dice.randbytes(90).hex() for _ in range(2)] for _ in range(15_000)]
    large = f"{HEAD},使用課,メーカー\n" + "".join(
        f"R{n},ノート,個人番号利用事務系,3,HDD,L{n},{a},{b}\n" for n, (a, b) in enumerate(words)
    )
    assert len(pack(large.encode("cp932"))) > 3_000_000  # more than a field may usually have
    fault = large + "R,電話,個人番号利用事務系,3,HDD,X,,\n"
    refused = await web.post(f"/inventory?{world.query}", who="clerk", packed=pack(fault.encode("cp932")))
    assert refused.status_code == 409
    assert "15002行目" in refused.text, "the whole field arrived, and its last line was read"
    lost = await web.post(f"/inventory?{world.query}", who="clerk", packed="!")
    assert lost.status_code == 422
    assert "もう一度ファイルを選んでください" in lost.text


async def test_a_town_s_own_columns_are_asked_once_and_its_export_registers_nothing(
    web: Web, tracking: Service, world: World
) -> None:
    def hidden(page: str, name: str) -> str:
        found = re.search(f'name="{name}" value="([^"]*)"', page)
        assert found, name
        return html.unescape(found[1])

    heads = "管理番号,品名,ネットワーク,機密性,ディスク種別,HDDシリアル"
    first = await preview(web, world, f"{heads}\nM1,ノート(A4),LGWAN接続系,3,HDD,MAP1\n")
    assert "列がありません" in first.text
    columns = {
        f"column-{name}": head
        for name, head in (("asset_number", "管理番号"), ("item_kind", "品名"), ("zone", "ネットワーク"))
    } | {
        "column-confidentiality": "機密性",
        "column-medium_kind": "ディスク種別",
        "column-medium_serial": "HDDシリアル",
    }
    assert all(
        re.search(f'name="{name}".*?<option value="{head}" selected', first.text) for name, head in columns.items()
    )
    form = {name: hidden(first.text, name) for name in ("kept", "mapped")}
    path = f"/inventory/columns?{world.query}"
    wrong = await web.post(path, who="clerk", **form, **(columns | {"column-maker": "品名"}))
    assert wrong.status_code == 422
    assert 'name="kept"' in wrong.text, "nothing entered is lost"
    asked = await web.post(path, who="clerk", **form, **columns)
    assert "種別「ノート(A4)」" in asked.text
    form = {name: hidden(asked.text, name) for name in ("kept", "mapped", "word-field", "word-said")}
    good = await web.post(path, who="clerk", **form, **{"word-0": "notebook"})
    assert "MAP1" in good.text
    assert "町の列と言葉" not in good.text
    said = {name: hidden(good.text, name) for name in ("packed", "mapped")}
    assert (await web.post(f"/inventory?{world.query}", who="clerk", **said)).status_code == 303
    next_one = await preview(web, world, f"{heads}\nM2,ノート(A4),LGWAN接続系,3,なし,\n")
    assert hidden(next_one.text, "packed")
    assert "町の列と言葉" not in next_one.text, "it is remembered for the town"
    said = {name: hidden(next_one.text, name) for name in ("packed", "mapped")}
    assert (await web.post(f"/inventory?{world.query}", who="clerk", **said)).status_code == 303
    mapped = await tracking.rows("SELECT 1 FROM entries WHERE kind = 'tracking.columns-mapped.v1'")
    assert len(mapped) == 1, "what is known is not said again"
    out = await web.get(f"/inventory/items.csv?{world.query}", who="clerk")
    assert (out.status_code, out.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    again = await preview(web, world, out.content.decode("utf-8-sig"), "utf-8-sig")
    assert "もう登録されています" in again.text
    broken = await web.post(f"/inventory?{world.query}", who="clerk", packed=said["packed"], mapped="{")
    assert broken.status_code == 422


async def test_a_clerk_corrects_a_value_with_its_reason_and_the_wrong_one_stays_on_the_way(
    web: Web, tracking: Service, world: World
) -> None:
    (one,) = await registered(tracking, world.engagement, [row("CRF1")])
    path = f"/items/{one.event.label}"
    said = {"corrected": "asset_number", "value": "R9-0001", "because": "台帳の写しまちがい"}
    assert (await web.post(f"{path}/correction", who="worker", **said)).status_code == 403
    assert (await web.post(f"{path}/correction", who="clerk", **(said | {"because": ""}))).status_code == 422
    same = await web.post(f"{path}/correction", who="clerk", **(said | {"value": "A-CRF1"}))
    assert (same.status_code, "いまの登録と同じです" in same.text) == (422, True)
    assert (await web.post(f"{path}/correction", who="clerk", **said)).status_code == 303
    page = await web.get(path, who="clerk")
    assert "物品番号：R9-0001" in page.text
    assert 'action="' + path + '/correction"' in page.text
    assert "/correction" not in (await web.get(path, who="worker")).text


async def test_a_list_without_a_column_is_read_with_one_answer_for_all_that_is_shown_every_time(
    web: Web, tracking: Service, world: World
) -> None:
    heads = ("物品番号", "種別", "媒体種別", "媒体製造番号")
    first = await preview(web, world, f"{','.join(heads)}\nALW1,ノート,HDD,ALW1\n")
    kept = re.search(r'name="kept" value="([^"]+)"', first.text)
    assert kept
    assert not re.search(r'id="column-zone" name="column-zone" required', first.text)
    chosen = {f"column-{columns.FIELDS[head]}": head for head in heads}
    said = {"kept": kept[1], "mapped": "{}", "all-zone": "lgwan", "all-confidentiality": "2"}
    good = await web.post(f"/inventory/columns?{world.query}", who="clerk", **said, **chosen)
    told = "ネットワークの列がないので、すべての機器を「LGWAN接続系」として読みました。"
    assert told in good.text
    form = {
        name: html.unescape(found[1])
        for name in ("packed", "mapped")
        if (found := re.search(f'name="{name}" value="([^"]*)"', good.text))
    }
    assert (await web.post(f"/inventory?{world.query}", who="clerk", **form)).status_code == 303
    (there,) = await tracking.rows("SELECT data FROM items WHERE data->>'asset_number' = 'ALW1'")
    assert (there.data["zone"], there.data["confidentiality"]) == ("lgwan", "2")
    second = await preview(web, world, f"{','.join(heads)}\nALW2,ノート,HDD,ALW2\n")
    assert told in second.text
    assert '<option value="lgwan" selected>' in second.text, "and it can be answered otherwise"


async def test_a_workbook_is_registered_as_its_csv_is_and_its_export_and_template_are_read_back(
    web: Web, tracking: Service, world: World
) -> None:
    rows = [
        HEAD.split(","),
        ["X1", "ノート", "LGWAN接続系", "3", "HDD", "000XL1"],
        ["X2", "ノート", "LGWAN接続系", "3", "SSD", "=2"],
    ]
    good = await preview_file(web, world, workbook.written(rows))
    packed = re.search(r'name="packed" value="([^"]+)"', good.text)
    assert packed
    assert "000XL1" in good.text
    sent = await web.post(f"/inventory?{world.query}", who="clerk", packed=packed[1])
    assert sent.status_code == 303, sent.text
    same = await preview(web, world, "\n".join(",".join(row) for row in rows))
    assert "もう登録されています（2台）" in same.text
    before = len(await tracking.rows("SELECT item FROM items"))
    out = await web.get(f"/inventory/items.xlsx?{world.query}", who="clerk")
    assert (out.status_code, out.headers["content-type"]) == (200, WORKBOOK)
    assert "filename*=UTF-8''" in out.headers["content-disposition"]
    again = await preview_file(web, world, out.content)
    assert "もう登録されています" in again.text
    assert len(await tracking.rows("SELECT item FROM items")) == before
    assert (await web.get(f"/inventory/items.xlsx?{world.query}", who="worker")).status_code == 403
    template = await web.get("/inventory/template.xlsx", who="clerk")
    assert template.headers["content-type"] == WORKBOOK
    empty = inventory.read(template.content)
    assert (empty.heads, empty.faults, empty.rows) == ([*columns.COLUMNS], [], [])
    page = await web.get(f"/inventory?{world.query}", who="clerk")
    assert all(said in page.text for said in ("/inventory/template.xlsx", "/inventory/items.xlsx?", ".xlsx,.xlsm,.csv"))


async def test_the_preview_says_which_of_several_sheets_it_read(web: Web, world: World) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        for name, cells in (("台帳", HEAD.split(",")), ("メモ", ["見ない"])):
            book.add_worksheet(name).write_row(0, 0, cells)
    page = await preview_file(web, world, out.getvalue())
    assert "シート「台帳」を読みました。ほかのシート（メモ）は読んでいません。" in page.text


def test_a_packed_file_never_unpacks_to_more_than_a_file_may_have() -> None:
    assert unpack(pack(b"abc")) == b"abc"
    assert len(unpack(pack(bytes(40_000_000)))) == 10 * 1024 * 1024 + 1
    with pytest.raises(Invalid):
        unpack("not base64 of anything")


async def test_lots_engagements_policies_people_and_towns_are_kept_by_their_forms(
    web: Web, tracking: Service, world: World
) -> None:
    foreign = await web.post(f"/inventory/lots?{world.query}", who="usurper", kind="keyboard", count="1")
    assert foreign.status_code == 403
    lot = await web.post(f"/inventory/lots?{world.query}", who="clerk", kind="keyboard", count="１２")
    assert lot.status_code == 303, lot.text
    fields = {"centre": CENTRE, "carrier": "", "title": "二年目", "contract": "R8-9", "certificate_days": "43"}
    wrong = await web.post("/engagements", who="admin", starts_on="2020/1/1", ends_on="2020-12-31", **fields)
    assert wrong.status_code == 422
    assert 'value="二年目"' in wrong.text
    past = {"starts_on": "2020-01-01", "ends_on": "2020-12-31"}
    assert (await web.post("/engagements", who="admin", **past, **fields)).status_code == 303
    taken = await web.post("/engagements", who="admin", **past, **fields)
    assert taken.status_code == 409
    assert "もう登録されています" in taken.text
    assert (await web.post("/engagements", who="clerk", **past, **fields)).status_code == 403
    listed = (await web.get("/engagements", who="admin")).text
    assert "期間外か終了" in listed
    assert "二年目" not in (await web.get("/engagements", who="worker")).text

    policy = {"version": "第2版", "on_site": "purge", "assurance": "both"}
    assert (await web.post("/policy", who="admin", **policy)).status_code == 303
    shown = (await web.get("/policy", who="worker")).text
    assert "第2版" in shown
    assert "文言を未確認" in shown

    person = {"name": "新田香", "title": "係長", "contact": "", "roles": "clerk"}
    assert (await web.post("/people", who="admin", **person)).status_code == 303
    assert "新田香" in (await web.get("/people", who="admin")).text
    assert "新田香" not in (await web.get("/people", who="manager")).text
    lordly = await web.post("/people", who="admin", **(person | {"roles": "platform-operator"}))
    assert lordly.status_code == 422

    found = await web.get("/towns?q=もがみまち", who="operator")
    assert "063622" in found.text
    chosen = await web.get("/towns?code=011002", who="operator")
    assert "札幌市" in chosen.text
    assert (await web.post("/towns", who="operator", code="011002", contact="電話 011-211-2111")).status_code == 303
    assert "札幌市" in (await web.get("/towns", who="operator")).text
    bad = await web.post("/towns", who="operator", code="011003")
    assert bad.status_code == 422
    assert "団体コード" in bad.text


async def test_an_engagement_ends_only_after_it_is_said_what_ends(web: Web, tracking: Service) -> None:
    engagement = await founded(tracking, contract="R8-ends")
    await registered(tracking, engagement, [row("ENDS-1"), row("ENDS-2")])
    path = f"/engagements/{engagement}/end"
    listed = (await web.get("/engagements", who="admin")).text
    assert f'href="{path}"' in listed
    assert f'action="{path}"' not in listed
    asked = await web.get(path, who="admin")
    assert asked.status_code == 200
    for said in ("R8-ends", "元に戻せません", "2台の追跡がまだ終了していません", f'action="{path}"'):
        assert said in asked.text
    assert "cannot be undone" in (await web.get(path, who="admin", lang="en")).text
    hasty = await web.post(path, who="admin")
    assert hasty.status_code == 422
    assert '<a href="#confirm">' in hasty.text
    assert (await web.get(path, who="clerk")).status_code == 403
    assert (await web.post(path, who="clerk", confirm="yes")).status_code == 403
    assert (await web.get(f"/engagements/{uuid7()}/end", who="admin")).status_code == 404
    there = "SELECT count(*) AS n FROM ended_engagements WHERE engagement = :e"
    assert (await tracking.rows(there, e=engagement))[0].n == 0, "nothing has ended yet"
    done = await web.post(path, who="admin", confirm="yes")
    assert done.status_code == 303
    assert "契約を終えました" in (await web.get(done.headers["location"], who="admin")).text
    assert (await tracking.rows(there, e=engagement))[0].n == 1
    assert "confirm" not in (await web.get(path, who="admin")).text
    assert (await web.post(path, who="admin", confirm="yes")).status_code == 409


async def test_the_traces_are_for_the_operator(web: Web) -> None:
    for path in ("/traces", "/traces/4bf92f35", "/traces/api/traces"):
        answers = [(await web.get(path, who=who)).status_code for who in ("", "admin", "worker", "operator")]
        assert answers == [401, 403, 403, 204]
    assert "サインインが必要です" in (await web.get("/traces")).text


async def test_a_device_the_centre_never_refurbished_is_named_when_the_town_counts_it(
    web: Web, tracking: Service
) -> None:
    engagement = await founded(tracking, contract="R8-apart")
    (one,) = await registered(tracking, engagement, [row("APART")])
    assert (await web.post("/capture/taken-over", who="clerk", scan=one.event.label)).status_code == 303
    page = (await web.get(f"/dashboard?town={TOWN}&engagement={engagement}", who="clerk")).text
    assert "差の機器：" in page
    assert one.event.label in page
    assert "再生完了の記録なし" in page
    assert "2つの数は一致しています" not in page
    path = f"/items/{one.event.label}"
    assert "町の数えにあり、センターの数えにない機器" in (await web.get(path, who="clerk")).text
    named = await web.post(f"{path}/difference", who="clerk", reason="センターに行っていない", second="worker")
    assert named.status_code == 303, named.text


async def test_a_fact_that_breaks_something_is_named_on_both_homes_its_list_and_its_page(
    web: Web, tracking: Service
) -> None:
    engagement = await founded(tracking, contract="R8-broken")
    query = f"town={TOWN}&engagement={engagement}"
    one, well = await registered(tracking, engagement, [row("BROKEN"), row("WELL")])
    for who in ("clerk", "worker"):
        assert "手順と合わない記録" not in (await web.get(f"/dashboard?{query}", who=who)).text
    assert (await web.post("/capture/received", who="worker", scan=one.event.label)).status_code == 303
    for who in ("clerk", "worker"):
        page = (await web.get(f"/dashboard?{query}", who=who)).text
        assert "手順と合わない記録のある機器 1台" in page
        link = re.search(r'href="(/items\?[^"]*record=broken)"', page)
        assert link
        listed = (await web.get(html.unescape(link[1]), who=who)).text
        assert re.findall(r'href="/items/(\w{9})"', listed) == [one.event.label]
    for lang, said in (("ja", "役場で求める水準の証跡がないまま"), ("en", "without proof of the level required there")):
        assert said in (await web.get(f"/items/{one.event.label}", who="clerk", lang=lang)).text
        assert said not in (await web.get(f"/items/{well.event.label}", who="clerk", lang=lang)).text
    nothing = (await web.get(f"/items?{query}&record=nonsense", who="clerk")).text
    assert "この条件に合う機器はありません" in nothing


async def test_the_report_gives_the_share_of_reuse_and_the_weights(web: Web, world: World) -> None:
    page = (await web.get(f"/reports?{world.query}", who="clerk")).text
    assert "100.0%" in page  # of the one desktop
    assert "3.5" in page


# ── pure parts ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_station_is_reached_when_the_last_medium_is_done() -> None:
    moments = [
        Moment("tracking.item-registered.v1", NOW),
        Moment("erasure.medium-erased.v1", NOW + timedelta(hours=1), "a"),
        Moment("erasure.medium-erased.v1", NOW + timedelta(hours=2), "a"),
    ]
    assert lines(moments, 2).custody.reached[1] is None
    both = [*moments, Moment("erasure.medium-erased.v1", NOW + timedelta(hours=3), "b")]
    line = lines(both, 2).custody
    assert line.reached[1] == NOW + timedelta(hours=3)
    assert line.states == ("", "", "now", "ahead", "ahead", "ahead")


def test_the_desk_is_read_out_of_a_contact_as_people_write_it() -> None:
    help_ = desk("最上町", "総務課 電話：0233-43-2111、Fax 0233-43-2345", "向町644")
    assert (help_.desk, help_.phone, help_.fax) == ("最上町 総務課", "0233-43-2111", "0233-43-2345")
    assert desk("最上町", None).desk == "最上町"


async def test_labels_are_printed_from_a_page_that_asks_for_paper_place_and_offset(web: Web, world: World) -> None:
    for lang, word in (("ja", "もう使った面の数"), ("en", "Labels already used")):
        page = await web.get(f"/labels?{world.query}", who="clerk", lang=lang)
        assert page.status_code == 200
        assert word in page.text
        for name in ('"size"', '"start"', '"right"', '"down"', "labels.csv?town="):
            assert name in page.text
    action = re.findall(r'action="(/api/tracking/engagements/[^"]+/labels.pdf)"', page.text)[0]
    pdf = await web.get(f"{action}?town={TOWN}&size=44&start=3&right=-5&down=7", who="clerk")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    label = world.bare.event.label
    one = await web.get(f"/labels?{world.query}&label={label}", who="worker")
    assert f'name="label" value="{label}"' in one.text
    assert (await web.get(f"/labels?{world.query}")).status_code == 401


async def test_a_lost_machine_has_its_page_on_both_homes_and_its_end(web: Web, tracking: Service, world: World) -> None:
    (one,) = await registered(tracking, world.engagement, [row("LOST-1")])
    await heard(tracking)
    item = f"/items/{one.event.label}"
    assert "紛失として記録する" in (await web.get(item, who="worker")).text
    empty = await web.post(f"{item}/loss", who="worker", lost="")
    assert empty.status_code == 422
    told = await web.post(f"{item}/loss", who="worker", lost="カゴ車から降ろしたあと見つからない")
    assert told.status_code == 303, told.text
    await heard(tracking)
    path = f"/losses/{losses.loss_of(one.stream)}"
    for who in ("clerk", "worker"):
        assert f'href="{path}?' in (await web.get(f"/dashboard?{world.query}", who=who)).text
        page = (await web.get(f"{path}?{world.query}", who=who)).text
        assert "LOST-1" in page
        assert "カゴ車から降ろしたあと見つからない" in page
        assert "第68条" in page
        assert page.count("不明") >= 8, "what nobody recorded is not made up"
    assert "紛失として記録されています" in (await web.get(item, who="clerk")).text
    english = (await web.get(f"{path}?{world.query}", who="clerk", lang="en")).text
    assert "Unknown" in english
    report = {"stage": "speedy", "notified_on": "2026-11-24", "reference": "受付 1"}
    assert (await web.post(f"{path}/report?{world.query}", who="worker", **report)).status_code == 403
    wrong = await web.post(f"{path}/report?{world.query}", who="clerk", **report | {"notified_on": "31 Feb"})
    assert wrong.status_code == 422
    assert (await web.post(f"{path}/report?{world.query}", who="clerk", **report)).status_code == 303
    early = await web.post(f"{path}/end?{world.query}", who="worker", explanation="棚")
    assert early.status_code == 409
    seen = await web.post(f"{item}/sighting", who="worker")
    assert seen.status_code == 303
    await heard(tracking)
    assert "見つかったと確かめる" in (await web.get(f"{path}?{world.query}", who="worker")).text
    ended = await web.post(f"{path}/end?{world.query}", who="worker", explanation="棚の奥")
    assert ended.status_code == 303
    await heard(tracking)
    assert path not in (await web.get(f"/dashboard?{world.query}", who="clerk")).text
    assert (await web.get(f"{path}?{world.query}", who="stranger")).status_code == 404


async def test_a_lot_is_closed_by_its_form_and_falls_from_what_is_held(web: Web, tracking: Service) -> None:
    engagement = await founded(tracking, contract="R8-lot-ends")
    async with tracking.acting() as tx:
        lot = await items.register_lot(tx, engagement, "monitor", 5)
    await heard(tracking)
    query = f"town={TOWN}&engagement={engagement}"
    end = {"ended": lot.event.label, "fate": "recycled", "gone": "6", "kg": "31", "receipt": "M-7"}
    more = await web.post(f"/lots/end?{query}", who="worker", **end)
    assert more.status_code == 409
    assert "預かっているのは5台" in more.text
    assert (await web.post(f"/lots/end?{query}", who="worker", **end | {"gone": "5"})).status_code == 303
    await heard(tracking)
    assert "まとめて預かっている物" not in (await web.get(f"/dashboard?{query}", who="worker")).text


def hidden(page: str, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]*)"', page)
    assert found, name
    return html.unescape(found[1])


async def test_a_roll_is_drawn_by_the_clerk_and_printed_the_same(web: Web, world: World) -> None:
    labels = f"/labels?{world.query}"
    assert "ロール用ラベルを作る" in (await web.get(labels, who="clerk")).text
    assert "ロール用ラベルを作る" not in (await web.get(labels, who="worker")).text
    assert (await web.post(f"/labels/rolls?{world.query}", who="worker", count="3")).status_code == 403
    for wrong in ("0", "1001", "たくさん", ""):
        refused = await web.post(f"/labels/rolls?{world.query}", who="clerk", count=wrong)
        assert refused.status_code == 422
        assert "aria-invalid" in refused.text
    request = str(uuid7())
    drawn = [await web.post(f"/labels/rolls?{world.query}", who="clerk", count="３", request=request) for _ in range(2)]
    assert {one.status_code for one in drawn} == {303}
    assert len({one.headers["location"] for one in drawn}) == 1, "the same form again draws no second roll"
    roll = re.findall("roll=([^&]+)", drawn[0].headers["location"])[0]
    for lang, word in (
        ("ja", "ロール用ラベル（まだ機器に付いていないもの）"),
        ("en", "Labels of a roll (not on a machine yet)"),
    ):
        page = await web.get(drawn[0].headers["location"], who="clerk", lang=lang)
        assert page.status_code == 200
        assert word in page.text
        assert f'name="roll" value="{roll}"' in page.text
    path = f"/api/tracking/engagements/{world.engagement}/labels"
    table = [await web.get(f"{path}.csv?town={TOWN}&roll={roll}", who="clerk") for _ in range(2)]
    assert table[0].content == table[1].content
    first, *others = re.findall(r"/T/([0-9A-Z]{9})/[0-9A-Z]{8}", table[0].text)
    assert len(others) == 2
    pdf = await web.get(f"{path}.pdf?town={TOWN}&roll={roll}&size=50x25", who="clerk")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert (await web.get(f"{path}.csv?town={TOWN}&roll={uuid7()}", who="clerk")).status_code == 404
    assert (await web.get(f"/t/{first}")).status_code == 404, "unbound: like an unknown one"


async def rolled(web: Web, world: World, count: int) -> list[str]:
    """Draw a roll and return its labels."""
    drawn = await web.post(f"/labels/rolls?{world.query}", who="clerk", count=str(count))
    roll = re.findall("roll=([^&]+)", drawn.headers["location"])[0]
    table = await web.get(
        f"/api/tracking/engagements/{world.engagement}/labels.csv?town={TOWN}&roll={roll}", who="clerk"
    )
    return re.findall(r"/T/([0-9A-Z]{9})/[0-9A-Z]{8}", table.text)


async def test_a_label_of_a_roll_is_bound_by_two_scans(web: Web, tracking: Service, world: World) -> None:
    await registered(tracking, world.engagement, [row("ROLL-1")])
    await heard(tracking)
    bind = f"/labels/bind?{world.query}"
    first, second = await rolled(web, world, 2)
    assert "ラベルを待っています" in (await web.get(bind, who="worker")).text
    early = await web.post(bind, who="worker", scan="PC-ROLL-1")
    assert early.status_code == 409
    assert "先に、ロールのラベルを" in early.text
    taken = await web.post(bind, who="worker", scan=f"https://MEGURU.EXAMPLE/T/{first}/AAAAAAAA")
    assert taken.headers["location"].endswith(f"label={first}")
    held = await web.get(taken.headers["location"], who="worker")
    assert hidden(held.text, "label") == first
    assert "次に、機器の番号を" in held.text
    instead = await web.post(bind, who="worker", scan=second, label=first)
    assert instead.headers["location"].endswith(f"label={second}"), "a label in place of the one in hand"
    missing = await web.post(bind, who="worker", scan="NOBODY", label=second)
    assert missing.status_code == 409
    assert "「NOBODY」の番号の機器は" in missing.text
    assert hidden(missing.text, "label") == second, "the label stays in hand"
    done = await web.post(bind, who="worker", scan="roll-1", label=second)
    assert done.headers["location"].endswith(f"bound={second}")
    for lang, word in (("ja", "A-ROLL-1に付けました"), ("en", "Put on A-ROLL-1")):
        page = await web.get(done.headers["location"], who="worker", lang=lang)
        assert word in page.text
    assert re.search(r"あと\d+台", (await web.get(bind, who="clerk")).text)
    again_ = await web.post(bind, who="worker", scan=second)
    assert "もう別の機器" in again_.text
    for who in ("approver", "stranger"):
        assert (await web.get(bind, who=who)).status_code in (403, 404)


async def bound(web: Web, world: World, label: str, said: str, **more: str) -> httpx.Response:
    return await web.post(f"/labels/bind?{world.query}", who="worker", scan=said, label=label, **more)


async def test_a_label_that_was_replaced_says_so_to_its_parties_alone(
    web: Web, tracking: Service, world: World
) -> None:
    pair = await registered(tracking, world.engagement, [row("ROLL-3")])
    await heard(tracking)
    (second,) = await rolled(web, world, 1)
    assert (await bound(web, world, second, "PC-ROLL-3")).status_code == 303
    assert (await web.get(f"/t/{second}")).status_code == 200
    assert (await web.get(f"/t/{pair[0].event.label}")).status_code == 404, "replaced: like an unknown one"
    for lang, word in (("ja", "付け替えました"), ("en", "was replaced by")):
        replaced = await web.get(f"/items/{pair[0].event.label}", who="worker", lang=lang)
        assert replaced.status_code == 404
        assert word in replaced.text
    stranger = await web.get(f"/items/{pair[0].event.label}", who="stranger")
    assert second[:4] not in stranger.text
    item = await web.get(f"/items/{second}", who="clerk")
    assert "ラベルの付け替え" in item.text

    bind = f"/labels/bind?{world.query}"
    back = await web.post(f"/labels/bind/back?{world.query}", who="worker", back=second)
    assert back.status_code == 303
    assert "もとのラベルに戻しました" in (await web.get(back.headers["location"], who="worker")).text
    assert "前に使ったラベルです" in (await web.post(bind, who="worker", scan=second)).text
    gone = await web.post(f"/labels/bind/back?{world.query}", who="worker", back=second)
    assert gone.status_code == 409


async def test_of_several_machines_with_one_number_the_worker_chooses(
    web: Web, tracking: Service, world: World
) -> None:
    (one,) = await registered(tracking, world.engagement, [row("ROLL-4")])
    (third,) = await rolled(web, world, 1)
    twin = row("ROLL-5")  # its drive has the number that another machine has as its own
    twin.described["serial"], twin.described["asset_number"] = "PC-X", "A-X"
    twin.media[0]["serial"] = "PC-ROLL-4"
    (other,) = await registered(tracking, world.engagement, [twin])
    several = await bound(web, world, third, "PC-ROLL-4")
    assert several.status_code == 409
    assert "番号の機器が2台あります" in several.text
    choices = re.findall('name="item" value="([^"]+)"', several.text)
    assert set(choices) == {str(other.stream), str(one.stream)}
    chosen = await bound(web, world, third, "PC-ROLL-4", item=str(one.stream))
    assert chosen.headers["location"].endswith(f"bound={third}")
    assert (await web.get(f"/items/{third}", who="clerk")).status_code == 200
