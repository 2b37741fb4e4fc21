"""The office: engagements, policies, people, towns."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from services.tracking import reading
from services.tracking.consumers import consumers
from services.tracking.tests.readers import Web, World
from services.tracking.tests.world import founded, registered, row
from shared.events.tracking import EngagementOpened, Received
from shared.ids import new_label, uuid7
from shared.testing import CENTRE, TOWN, Service, recorded


async def test_lots_engagements_policies_people_and_towns_are_kept_by_their_forms(
    web: Web, tracking: Service, world: World
) -> None:
    foreign = await web.post(f"/inventory/lots?{world.query}", who="usurper", kind="keyboard", count="1")
    assert foreign.status_code == 403
    lot = await web.post(f"/inventory/lots?{world.query}", who="clerk", kind="keyboard", count="１２")
    assert lot.status_code == 303, lot.text
    fields = {
        "centre": CENTRE,
        "carrier": "",
        "title": "二年目",
        "contract": "R8-9",
        "certificate_days": "43",
        "certificate_days_kind": "calendar",
    }
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

    policy = {"version": "第2版", "source": "MIC R2.12", "on_site": "purge", "assurance": "both"}
    assert (await web.post("/policy", who="admin", **policy)).status_code == 303
    shown = (await web.get("/policy", who="worker")).text
    assert "第2版" in shown
    assert "文言を未確認" in shown
    assert "機密性3A" not in shown
    assert (await web.post("/policy", who="admin", **(policy | {"source": "MIC R1.1"}))).status_code == 422
    newer = policy | {"version": "第3版", "source": "MIC R6.10"}
    assert (await web.post("/policy", who="admin", **newer)).status_code == 303
    shown = (await web.get("/policy", who="worker")).text
    assert "総務省ガイドライン 令和6年10月版" in shown
    assert all(f"機密性{grade}<" in shown for grade in ("3A", "3B", "3C", "2", "1"))
    assert "分類、役場で求める水準、センターで求める水準、確かめ方" in shown, "what is not confirmed is named"
    back = policy | {"version": "第4版"}
    assert (await web.post("/policy", who="admin", **back)).status_code == 303

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


async def test_a_contract_counts_business_days_or_names_a_date_and_a_person_has_an_address(
    web: Web, tracking: Service, world: World
) -> None:
    fields = {"centre": CENTRE, "carrier": "", "title": "三年目", "starts_on": "2020-01-01", "ends_on": "2020-12-31"}
    fields |= {"certificate_days": "20", "certificate_days_kind": "business"}
    for contract, by in (("R8-10", ""), ("R8-11", "２０２７-03-31")):
        asked = fields | {"contract": contract, "certificate_by": by}
        assert (await web.post("/engagements", who="admin", **asked)).status_code == 303
    wrong = await web.post("/engagements", who="admin", **fields, contract="R8-12", certificate_by="3月末")
    assert wrong.status_code == 422
    assert 'value="3月末"' in wrong.text
    unsaid = await web.post(
        "/engagements", who="admin", **(fields | {"contract": "R8-12", "certificate_days_kind": ""})
    )
    assert unsaid.status_code == 422
    kept = await tracking.rows(
        "SELECT contract, certificate_days_kind, certificate_by::text FROM engagements WHERE contract ~ 'R8-1[01]' "
        "OR contract = 'R8-1' ORDER BY contract"
    )
    assert [tuple(row) for row in kept] == [
        ("R8-1", "calendar", None),
        ("R8-10", "business", None),
        ("R8-11", "business", "2027-03-31"),
    ]
    person = {"name": "髙橋杏", "title": "", "contact": "", "roles": "clerk"}
    odd = await web.post("/people", who="admin", **person, email="杏@example.jp\nBcc: all@example.jp")
    assert odd.status_code == 422
    assert (await web.post("/people", who="admin", **person, email="an@town.example.jp")).status_code == 303
    assert "an@town.example.jp" in (await web.get("/people", who="admin")).text
    cards = await tracking.rows("SELECT convert_from(body, 'UTF8')::jsonb AS card FROM notices WHERE subject ~ 'p-'")
    assert {card.card.get("email") for card in cards} >= {"an@town.example.jp"}
    assert not await tracking.rows("SELECT 1 FROM entries WHERE convert_from(body, 'UTF8') LIKE '%an@town%'")

    (an,) = await tracking.rows("SELECT person FROM people WHERE name = '髙橋杏'")
    changed = await web.post("/people/email", who="admin", person=an.person, address="anne@town.example.jp")
    assert changed.status_code == 303, changed.text
    told = "SELECT convert_from(body, 'UTF8')::jsonb AS card FROM notices WHERE subject = :of ORDER BY position"
    *_, last = await tracking.rows(told, of=f"people.{TOWN}.{an.person}")
    assert (last.card["email"], last.card["name"], last.card["roles"]) == ("anne@town.example.jp", "髙橋杏", ["clerk"])
    assert (await web.post("/people/email", who="admin", person=an.person, address="anne")).status_code == 422
    assert (await web.post("/people/email", who="manager", person=an.person, address="")).status_code == 422
    assert "anne@town.example.jp" in (await web.get("/people", who="admin")).text
    assert (await web.post("/people/email", who="admin", person=an.person, address="")).status_code == 303
    assert "anne@" not in (await web.get("/people", who="admin")).text


async def test_the_home_counts_what_is_late_and_what_is_near_by_the_days_the_town_hall_is_open(
    web: Web, tracking: Service, world: World
) -> None:
    contract = uuid7()
    item, due = uuid7(), date(2026, 11, 26)  # three business days after Friday the 20th: the 23rd is a holiday
    opened = EngagementOpened(
        engagement=contract,
        town=TOWN,
        centre=CENTRE,
        title="開庁日",
        contract="R8-20",
        starts_on=date(2026, 1, 1),
        ends_on=date(2036, 1, 1),
        certificate_days=3,
        certificate_days_kind="business",
    )
    told = world.rich.event.model_copy(update={"item": item, "label": new_label(), "engagement": contract})
    friday = datetime(2026, 11, 20, 3, tzinfo=UTC)
    said = [recorded(opened, at=friday), recorded(told, stream=item, at=friday)]
    arrived = replace(
        recorded(Received(item=item, centre=CENTRE), stream=item, sequence=2, at=friday),
        occurred_at=friday - timedelta(days=9),  # a scan that waited: the time runs from our record of it
    )
    async with tracking.consuming() as tx:
        await consumers.handle(tx, [*said, arrived])
    counted = {}
    for today in (date(2026, 11, 18), due, date(2026, 11, 27)):
        async with tracking.consumer.connect() as connection:
            found = await reading.certificates(connection, contract, today)
        counted[today] = {(one.kind, one.missing, one.due_on, one.overdue, one.soon) for one in found}
    kinds = ("destruction", "tracking")
    assert counted[date(2026, 11, 18)] == {(kind, 1, due, 0, 1) for kind in kinds}  # the fifth open day is the 26th
    assert counted[due] == {(kind, 1, due, 0, 1) for kind in kinds}
    assert counted[date(2026, 11, 27)] == {(kind, 1, due, 1, 0) for kind in kinds}

    dated = opened.model_copy(update={"engagement": uuid7(), "contract": "R8-21", "certificate_by": date(2026, 1, 30)})
    told = told.model_copy(update={"item": uuid7(), "label": new_label(), "engagement": dated.engagement})
    async with tracking.consuming() as tx:  # nothing has arrived, and the contract's day is over
        await consumers.handle(tx, [recorded(dated, at=friday), recorded(told, stream=told.item, at=friday)])
    for lang, late in (("ja", "期限を過ぎたもの 1通"), ("en", "1 document past the deadline")):
        home = (await web.get(f"/dashboard?town={TOWN}&engagement={dated.engagement}&lang={lang}", who="clerk")).text
        assert home.count(late) == 2  # of each kind
        assert f"/certificates/deadlines?town={TOWN}" in home
    assert (
        "期限は契約で決めた日です"
        in (await web.get(f"/dashboard?town={TOWN}&engagement={dated.engagement}&lang=ja", who="clerk")).text
    )
