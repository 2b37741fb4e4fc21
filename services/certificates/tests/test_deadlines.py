"""The page of deadlines, the mail switch, the calendar under its link."""

import re
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from icalendar import Calendar
from sqlalchemy import insert, text

from services.certificates import loops, missing, reading
from services.certificates.missing import Span
from services.certificates.tables import subscriptions
from services.certificates.tests import sample
from services.certificates.tests.conftest import House, Web
from services.certificates.tests.world import Machine, opened
from shared.events.tracking import EngagementEnded, ExceptionApproved
from shared.ids import uuid7
from shared.levels import Level
from shared.messaging import Notice
from shared.testing import CENTRE, NOW, OTHER_TOWN, TOWN, recorded

pytestmark = sample.needs_fonts

BOTH = pytest.mark.parametrize("lang", ["ja", "en"])


def carded(person: str, party: str = TOWN, email: str | None = None, roles: str = '["clerk"]') -> Notice:
    address = f'"{email}"' if email else "null"
    body = f'{{"name": "{person}", "title": null, "email": {address}, "roles": {roles}}}'.encode()
    return Notice(uuid7(), "people", party, f"people.{party}.{person}", body)


async def contract(house: House, **changed: object) -> UUID:
    engagement = uuid7()
    event = opened(engagement, TOWN, CENTRE).model_copy(update=changed)
    await house.hear(recorded(event))
    return engagement


async def why(house: House, engagement: UUID) -> dict[str, str]:
    async with house.made.consumer.connect() as connection:
        rows = await missing.missing(connection, TOWN, Span(engagement=engagement), most=100)
        counted = await missing.reasons(connection, TOWN, Span(engagement=engagement))
    assert sum(counted.values()) == len(rows)
    return {row.number: row.reason for row in rows}


async def test_each_step_of_the_way_says_what_is_missing_next(house: House) -> None:
    engagement = await contract(house, certificate_by=date(2027, 3, 31))  # a date: owed before anything arrives
    machine = Machine.new(engagement=engagement)
    d, t = machine.number(), machine.number("T")
    await house.hear(machine.registered)
    assert await why(house, engagement) == {d: "not-erased", t: "not-erased"}
    await house.hear(machine.erased())
    assert await why(house, engagement) == {d: "not-received", t: "not-received"}
    await house.hear(machine.received())
    assert await why(house, engagement) == {d: "not-destroyed", t: "papers"}
    destroyed = machine.destroyed()
    await house.hear(destroyed)
    assert await why(house, engagement) == {d: "proof", t: "papers"}
    await house.hear(house.log.notice(destroyed))
    assert await why(house, engagement) == {d: "making", t: "papers"}
    await house.issue()
    assert await why(house, engagement) == {t: "not-closed"}
    closed = machine.closed(machine.registered, certificates=[d])
    await house.hear(closed, house.log.notice(closed))
    await house.issue()
    assert await why(house, engagement) == {}


async def test_what_went_wrong_is_told_apart(house: House) -> None:
    engagement = await contract(house)
    excepted, photoless = (Machine.new(engagement=engagement) for _ in range(2))
    lost = photoless.destroyed(photos=(photoless.destroyed().event.photos[0].model_copy(update={"sha256": "00" * 32}),))
    required = photoless.item.required.model_copy(update={"at_centre": Level.PURGE})
    seen_to = required.model_copy(update={"assurance": "witnessed"})  # by staff: no paper of the medium's own
    purged, witnessed = (Machine.new(engagement=engagement, required=one) for one in (required, seen_to))
    await house.hear(
        *(one.registered for one in (excepted, photoless, purged, witnessed)),
        *(one.received() for one in (photoless, purged, witnessed)),
        lost,
        house.log.notice(lost),
    )
    await house.issue()
    assert await why(house, engagement) == {
        photoless.number(): "photo",
        photoless.number("T"): "papers",
        purged.number("E"): "not-erased",
        purged.number("T"): "papers",
        witnessed.number("T"): "not-erased",
    }  # the first has not arrived: no deadline runs
    await house.hear(purged.erased(), witnessed.erased())
    then = await why(house, engagement)
    assert (then[purged.number("E")], then[witnessed.number("T")]) == ("proof", "not-closed")
    approved = ExceptionApproved(
        item=excepted.item.item, medium=excepted.item.media[0].id, witness="witness", approver="admin", reason="故障"
    )
    late = await contract(house, certificate_by=date(2027, 3, 31))
    broken = Machine.new(engagement=late)
    approval = approved.model_copy(update={"item": broken.item.item})
    await house.hear(broken.registered, recorded(approval))
    assert set((await why(house, late)).values()) == {"not-received"}


async def test_a_replacement_that_is_not_there_by_the_deadline_is_told(house: House, web: Web) -> None:
    engagement = await contract(house, certificate_by=datetime.now(UTC).date() - timedelta(days=30))
    machine = Machine.new(engagement=engagement)
    told = machine.destroyed()
    await house.hear(machine.registered, machine.received(), told, house.log.notice(told))
    await house.issue()
    number, page = machine.number(), f"/certificates/deadlines?engagement={engagement}"
    late = "が、提出期限を過ぎても届いていません"
    assert late not in (await web.page(page)).text, "it was issued and stands"
    assert (await web.post(f"/api/certificates/{number}/revocations", {"reason": "誤り"})).status_code == 201
    shown = (await web.page(page)).text
    for said in ("差し替え 1通 が、提出期限を過ぎても届いていません", number, "差し替えの証明書を発行するよう頼んで"):
        assert said in shown
    assert "past their deadline are not there" in (await web.page(f"{page}&lang=en")).text
    assert (await web.post(f"/api/certificates/{number}/reissues", {"reason": "誤り"})).status_code == 201
    asked = (await web.page(page)).text
    for said in (late, f"{number} の差し替え", f"{number}-R2"):  # asked for, not there
        assert said in asked
    await house.issue()  # and with it whatever another test left to be tried again
    assert late not in (await web.page(page)).text


async def test_a_revoked_certificate_is_missing_until_another_stands_in_its_place(house: House) -> None:
    engagement = await contract(house)
    machine = Machine.new(engagement=engagement)
    destroyed = machine.destroyed()
    await house.hear(machine.registered, machine.received(), destroyed, house.log.notice(destroyed))
    await house.issue()
    assert machine.number() not in await why(house, engagement)
    async with house.made.consuming() as tx:
        await tx.connection.execute(
            text("UPDATE certificates SET revoked_at = now() WHERE number = :number"), {"number": machine.number()}
        )
    assert (await why(house, engagement))[machine.number()] == "revoked"
    async with house.made.consuming() as tx:
        await tx.connection.execute(
            text(
                "INSERT INTO certificates (certificate, tenant, number, kind, item, label, medium, requested_at, "
                "issued_at) SELECT gen_random_uuid(), tenant, number || '-R2', kind, item, label, medium, now(), now() "
                "FROM certificates WHERE number = :number"
            ),
            {"number": machine.number()},
        )
    assert await why(house, engagement) == {machine.number("T"): "not-closed"}


async def test_business_days_decide_what_is_owed_late_and_printed(house: House) -> None:
    engagement = await contract(house, certificate_days=3, certificate_days_kind="business")
    machine = Machine.new(engagement=engagement)
    friday = NOW.replace(day=20)
    await house.hear(machine.registered, machine.received(at=friday))
    async with house.made.consumer.connect() as connection:
        owed = await reading.deadlines(connection, TOWN, engagement)
    assert {row.due_on for row in owed} == {date(2026, 11, 26)}  # 24, 25, 26: the 23rd is a holiday
    of_it = "SELECT count(*) FROM certificates WHERE item = :item AND overdue_at IS NOT NULL"
    await loops.overdue_round(house.made.consumer, NOW.replace(day=26))
    assert (await house.rows(of_it, item=machine.item.item))[0][0] == 0
    await loops.overdue_round(house.made.consumer, NOW.replace(day=27))
    assert (await house.rows(of_it, item=machine.item.item))[0][0] == 2


@BOTH
async def test_the_page_lists_what_is_late_near_or_owed_and_pages_through_many(
    house: House, web: Web, lang: str
) -> None:
    engagement = await contract(house, title="期限の試し", certificate_days=1)
    old, new = ([Machine.new(engagement=engagement) for _ in range(30)] for _ in range(2))
    moment = datetime.now(UTC)
    await house.hear(*(one.registered for one in old + new))
    await house.hear(*(one.received(at=moment - timedelta(days=20)) for one in old))
    await house.hear(*(one.received(at=moment) for one in new))
    at = f"/certificates/deadlines?town={TOWN}&engagement={engagement}&lang={lang}"
    everything = (await web.page(at)).text
    assert f'<html lang="{lang}">' in everything
    assert len(set(re.findall(r"[DT]-\w{4}-\w{4}-\w", everything))) == 50
    second = set(re.findall(r"[DT]-\w{4}-\w{4}-\w", (await web.page(f"{at}&page=3")).text))
    assert second <= {one.number(letter) for one in new for letter in "DT"}
    assert len(second) == 20
    late = (await web.page(f"{at}&show=overdue")).text
    assert old[0].number() in late or old[0].number("T") in late
    assert not any(one.number("T") in late for one in new)
    near = (await web.page(f"{at}&show=soon&within=20")).text
    assert any(one.number() in near for one in new)
    assert not any(one.number() in near for one in old)
    assert "60" in everything  # 通, of each of the two days
    assert (await web.page(at, who="manager")).status_code == 200
    assert (await web.page(at, who="stranger")).status_code == 403
    assert (await web.page(at, who="")).status_code == 401
    assert (await web.page(f"/certificates?lang={lang}")).text.count("/certificates/deadlines") == 1


@BOTH
async def test_mail_is_switched_by_each_for_themselves_and_says_what_is_not_set_up(
    house: House, web: Web, lang: str
) -> None:
    await house.hear(
        carded("clerk", email=None), carded("admin", email="admin@town.example.jp", roles='["town-admin"]')
    )
    page = f"/certificates/deadlines?lang={lang}"
    assert ("サーバーがまだ設定されていません" if lang == "ja" else "No mail server is set up") in (
        await web.page(page)
    ).text
    assert ("名簿にありません" if lang == "ja" else "has no e-mail address") in (await web.page(page)).text
    await house.hear(carded("clerk", email="clerk@town.example.jp"))
    assert "clerk@town.example.jp" in (await web.page(page)).text
    for wanted in ("off", "on"):
        answer = await web.send("/certificates/deadlines/mail", {"mail": wanted}, who="clerk")
        assert answer.status_code == 303
        chosen = {row.person: row.mail for row in await house.rows("SELECT person, mail FROM subscriptions")}
        assert chosen["clerk"] is (wanted == "on")
    assert "admin" not in chosen
    assert "deadlines/mail" not in (await web.page(page, who="manager")).text  # of the town alone


async def test_a_calendar_opens_by_its_link_alone_until_that_is_made_anew_or_ended(house: House, web: Web) -> None:
    await house.hear(carded("clerk", email="clerk@town.example.jp"))
    engagement = await contract(house, title="予定；表, と\\改行を試す" * 8, certificate_days=30)
    machines = [Machine.new(engagement=engagement) for _ in range(3)]
    await house.hear(*(one.registered for one in machines))
    await house.hear(*(one.received(at=NOW - timedelta(days=n // 2)) for n, one in enumerate(machines)))
    made = await web.send("/certificates/deadlines/calendar", {}, who="clerk")
    assert made.headers["cache-control"] != "public"
    (link,) = re.findall(r"https?://[^<\s]+deadlines\.ics\?key=[\w-]{32}", made.text)
    path = link[link.index("/certificates") :]
    key = path.rpartition("=")[2]
    assert key not in (await web.page("/certificates/deadlines")).text
    assert key.encode() not in b"".join(
        str(tuple(row)).encode() for row in await house.rows("SELECT * FROM subscriptions")
    )
    answer = await web.get(path, who="")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert max(len(line) for line in answer.content.split(b"\r\n")) <= 75
    events = [one for one in Calendar.from_ical(answer.content).walk("VEVENT") if str(engagement) in str(one["uid"])]
    assert [one.decoded("dtstart") for one in events] == [date(2026, 12, 23), date(2026, 12, 24)]
    assert [one.decoded("dtend") - one.decoded("dtstart") for one in events] == [timedelta(days=1)] * 2
    assert "予定；表, と\\改行を試す" in str(events[0]["summary"])
    assert "まだ2通" in str(events[0]["summary"])
    assert len({one["uid"] for one in events}) == 2
    again = await web.get(path, who="")
    assert [line for line in again.text.splitlines() if line.startswith("UID")] == [
        line for line in answer.text.splitlines() if line.startswith("UID")
    ]
    renewed = await web.send("/certificates/deadlines/calendar", {}, who="clerk")
    (other,) = re.findall(r"/certificates/deadlines\.ics\?key=[\w-]{32}", renewed.text)
    assert (await web.get(path, who="")).status_code == 404
    assert (await web.get(other, who="")).status_code == 200
    assert (await web.send("/certificates/deadlines/calendar/end", {}, who="clerk")).status_code == 303
    for dead in (other, "/certificates/deadlines.ics", "/certificates/deadlines.ics?key="):
        assert (await web.get(dead, who="")).status_code == 404


async def test_a_centre_s_calendar_has_its_towns_and_loses_one_whose_contract_ended(house: House, web: Web) -> None:
    await house.hear(carded("manager", CENTRE, roles='["centre-manager"]'))
    made = await web.send("/certificates/deadlines/calendar", {}, who="manager")
    (path,) = re.findall(r"/certificates/deadlines\.ics\?key=[\w-]{32}", made.text)
    engagement = uuid7()
    deal = opened(engagement, OTHER_TOWN, CENTRE).model_copy(update={"title": "となりの町"})
    machine = Machine.new(tenant=OTHER_TOWN, engagement=engagement)
    await house.hear(recorded(deal, tenant=OTHER_TOWN), machine.registered, machine.received())
    assert "となりの町" in (await web.get(path, who="")).text.replace("\r\n ", "")
    ended = EngagementEnded(engagement=engagement, town=OTHER_TOWN, centre=CENTRE)
    await house.hear(recorded(ended, tenant=OTHER_TOWN))
    assert "となりの町" not in (await web.get(path, who="")).text.replace("\r\n ", "")


async def test_a_person_who_is_forgotten_takes_link_and_letters_along(house: House, web: Web) -> None:
    await house.hear(carded("admin", email="admin@town.example.jp", roles='["town-admin"]'))
    made = await web.send("/certificates/deadlines/calendar", {}, who="admin")
    (path,) = re.findall(r"/certificates/deadlines\.ics\?key=[\w-]{32}", made.text)
    await house.hear(Notice(uuid7(), "people", TOWN, f"people.{TOWN}.admin", b""))
    assert (await web.get(path, who="")).status_code == 404
    assert not await house.rows("SELECT 1 FROM subscriptions WHERE person = 'admin'")
    refused = await web.send("/certificates/deadlines/calendar", {}, who="admin")
    assert refused.status_code == 409
    assert "名簿" in refused.text


async def test_nobody_reads_or_changes_what_another_takes_of_deadlines(house: House, web: Web) -> None:
    await house.hear(carded("theirs", OTHER_TOWN))
    async with house.made.consuming() as tx:
        await tx.connection.execute(insert(subscriptions), {"person": "theirs", "tenant": OTHER_TOWN})
    async with house.made.acting(TOWN) as tx:
        for query in ("SELECT person FROM subscriptions", "UPDATE subscriptions SET mail = false RETURNING person"):
            found = await tx.connection.exec_driver_sql(query)
            assert "theirs" not in {row.person for row in found}
    assert await house.rows("SELECT 1 FROM subscriptions WHERE person = 'theirs' AND mail")
