"""The office: engagements, policies, people, towns."""

from services.tracking.tests.readers import Web, World
from services.tracking.tests.world import founded, registered, row
from shared.ids import uuid7
from shared.testing import CENTRE, Service


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
