"""The page of what one engagement asks beyond its town's policy."""

import re

from services.tracking.tests.readers import Web, World
from services.tracking.tests.world import founded, registered, row
from shared.ids import uuid7
from shared.testing import Service

REASON = "議会の決議により全台を破壊する"


async def test_the_page_says_what_is_asked_and_raises_it(web: Web, tracking: Service) -> None:
    engagement = await founded(tracking, contract="R8-page")
    path = f"/engagements/{engagement}/requirement"
    assert "まだ機器が登録されていません" in (await web.get(path, who="admin")).text
    (one,) = await registered(tracking, engagement, [row("RP1", zone="lgwan")])
    assert f'href="{path}"' in (await web.get("/engagements", who="worker")).text
    seen = await web.get(path, who="worker")
    assert "Purge（除去）" in seen.text
    assert "<form" not in seen.text.partition("<main")[2]
    fields = {"on_site": "purge", "at_centre": "destroy", "assurance": "both", "reason": REASON}
    assert (await web.post(path, who="clerk", **fields)).status_code == 403
    empty = await web.post(path, who="admin", **(fields | {"reason": ""}))
    assert empty.status_code == 422
    assert re.search(r'name="at_centre" value="destroy"[^>]*checked', empty.text), "what was chosen is still chosen"
    done = await web.post(path, who="admin", **fields)
    assert done.status_code == 303
    shown = (await web.get(done.headers["location"], who="admin")).text
    for said in ("この契約で求める水準を上げました。", REASON, "基準表より厳しい", "Destroy（破壊）以上"):
        assert said in shown
    lower = await web.post(path, who="admin", **(fields | {"at_centre": "purge"}))
    assert lower.status_code == 422
    assert "下げることはできません" in lower.text
    assert REASON in (await web.get(f"/items/{one.event.label}", who="clerk")).text
    assert "stricter than the policy table" in (await web.get(path, who="admin", lang="en")).text
    assert (await web.get(f"/engagements/{uuid7()}/requirement", who="admin")).status_code == 404


async def test_every_record_of_the_journey_names_the_version_it_was_measured_by(
    web: Web, tracking: Service, world: World
) -> None:
    del web
    kinds = "'tracking.received.v1', 'tracking.medium-cleared.v1', 'tracking.custody-closed.v1'"
    told = await tracking.rows(
        f"SELECT kind, data->>'policy_version' AS version FROM timeline WHERE kind IN ({kinds}) AND item = :i",  # noqa: S608 - a test's own words
        i=world.rich.stream,
    )
    assert {row.kind for row in told} == set(kinds.replace("'", "").split(", "))
    assert {row.version for row in told} == {"1"}
