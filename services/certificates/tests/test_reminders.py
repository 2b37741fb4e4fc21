"""Reminders: who is told of what, once, and what a clerk and an operator see when a letter did not go."""

import asyncio
import signal
import smtplib
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest
from nats.aio.client import Client
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.certificates import loops, reminders
from services.certificates.tables import letters as table
from services.certificates.tests import sample
from services.certificates.tests.conftest import House, Web
from services.certificates.tests.test_deadlines import carded
from services.certificates.tests.world import Machine, opened
from shared import letters
from shared import post as posting
from shared.bounces import read
from shared.deadline import JST, office_hour
from shared.identity import Principal, issue, make_identity_key
from shared.ids import uuid7
from shared.letters import SENDING_MAX
from shared.mail import Postman
from shared.messaging import Notice
from shared.settings import settings
from shared.testing import CENTRE, OTHER_TOWN, TOWN, project, recorded
from shared.tests.post import HOST, Office, office
from shared.tests.test_bounces import shaped
from shared.worker import Work

pytestmark = sample.needs_fonts

DUE = date(2027, 2, 26)  # a Friday; the 23rd is a holiday
MORNING = datetime(2027, 2, 18, 1, 0, tzinfo=UTC)  # 10:00 in Japan, five open days before
SENDER, RETURNS = "noreply@meguru.example.jp", "bounces@meguru.example.jp"
SENDING = """
import asyncio, sys
from datetime import datetime
from functools import partial
from services.certificates import reminders
from shared import letters
from shared.database import engine
from shared.mail import Postman
from shared.settings import settings
postman = Postman("127.0.0.1", int(sys.argv[1]), "none", "noreply@meguru.example.jp")
compose = partial(reminders.compose, origin="https://meguru.example.jp")
now = datetime.fromisoformat(sys.argv[2])
asyncio.run(letters.send_next(engine(settings(), "consumer"), postman, compose, now))
"""
STATES = "SELECT what, person, state, said FROM letters WHERE about = :about ORDER BY what, person"


@pytest.fixture(scope="module")
def post() -> Iterator[Office]:
    with office() as made:
        yield made


@pytest.fixture
async def engagement(house: House, post: Office) -> UUID:
    """A contract with a date, a machine that owes two certificates by it, and a town of three people."""
    post.rcpt = post.data = ""
    post.vanish = False
    post.victim = 0
    post.taken.clear()
    post.envelopes.clear()
    async with house.made.consuming() as tx:
        await tx.connection.execute(text("DELETE FROM letters"))
        await tx.connection.execute(text("UPDATE engagements SET certificate_by = NULL"))
    machine = Machine.new()
    deal = opened(machine.item.engagement, TOWN, CENTRE)
    told = machine.registered.event.model_copy(update={"engagement": machine.item.item})
    deal = deal.model_copy(update={"engagement": told.engagement, "certificate_by": DUE})
    await house.hear(
        recorded(deal),
        recorded(told, stream=told.item),
        carded("clerk", email="clerk@town.example.jp"),
        carded("admin", email="admin@town.example.jp", roles='["town-admin"]'),
        carded("silent", roles='["clerk"]'),
        carded("approver", email="approver@town.example.jp", roles='["approver"]'),
        carded("theirs", OTHER_TOWN, email="theirs@other.example.jp"),
    )
    made: UUID = told.engagement
    return made


def postman(post: Office) -> Postman:
    return Postman(HOST, post.port, "none", SENDER, returns=RETURNS)


async def send(house: House, post: Office, at: datetime) -> int:
    """Send all that may go at a moment."""
    compose = partial(reminders.compose, origin="https://meguru.example.jp")
    sent = 0
    while await letters.send_next(house.made.consumer, postman(post), compose, at):
        sent += 1
    return sent


async def states(house: House, engagement: UUID) -> list[tuple[str, str, str]]:
    return [(row.what, row.person, row.state) for row in await house.rows(STATES, about=engagement)]


async def test_a_town_is_told_twice_before_and_once_after_whatever_runs_twice(
    house: House, post: Office, engagement: UUID
) -> None:
    step = timedelta(hours=5)
    moment = MORNING - timedelta(days=3)
    while moment < MORNING + timedelta(days=14):  # every few hours, twice each time, as two workers would
        await asyncio.gather(*(reminders.write_before(house.made.consumer, moment) for _ in range(2)))
        await loops.overdue_round(house.made.consumer, moment)
        await loops.overdue_round(house.made.consumer, moment)
        await asyncio.gather(*(send(house, post, moment) for _ in range(2)))
        moment += step
    assert await states(house, engagement) == [
        (what, person, "sent") for what in ("due-in-1", "due-in-5", "overdue") for person in ("admin", "clerk")
    ]
    assert (
        sorted(to for _from, (to,), _tls in post.envelopes)
        == ["admin@town.example.jp"] * 3 + ["clerk@town.example.jp"] * 3
    )
    first, *_rest, last = post.mails
    assert first["Subject"] == "【めぐる】証明書の提出期限が近づいています：2027-02-26（金）まで"
    body = first.get_content()
    for said in (
        "リユースPC地域再利用事業（R3-情企-14）",
        "開庁日であと5日",
        "破壊証明書 1通、追跡証明書 1通",
        "5 days on which",
    ):
        assert said in body
    assert f"https://meguru.example.jp/certificates/deadlines?town={TOWN}&engagement={engagement}" in body
    assert "提出期限を過ぎました" in last["Subject"]
    days = {mail["Subject"][4:16]: mail["Date"].datetime.astimezone(JST) for mail in post.mails}
    assert {day.date() for day in days.values()} <= {date(2027, 2, 18), date(2027, 2, 25), date(2027, 3, 1)}
    for mail in post.mails:
        assert office_hour(mail["Date"].datetime) == mail["Date"].datetime  # nobody is written to at night or on Sunday


async def test_the_letter_is_written_in_the_transaction_of_the_entry_that_says_a_certificate_is_late(
    house: House, engagement: UUID
) -> None:
    await loops.overdue_round(house.made.consumer, MORNING + timedelta(days=11))
    (together,) = await house.rows(
        "SELECT count(DISTINCT l.letter) AS letters, count(DISTINCT e.id) AS entries FROM letters l "
        "JOIN entries e ON e.xmin = l.xmin AND e.kind = 'certificates.overdue.v1' WHERE l.about = :about",
        about=engagement,
    )
    assert (together.letters, together.entries) == (
        2,
        1,
    )  # one to each of two people, with the first of two that are late


async def test_a_replacement_that_is_late_is_told_once_and_a_week_later_nobody_new_is(
    house: House, post: Office, web: Web
) -> None:
    machine = Machine.new(engagement=uuid7())
    deal = opened(machine.item.engagement, TOWN, CENTRE).model_copy(update={"certificate_by": DUE})
    told = machine.destroyed()
    await house.hear(recorded(deal), machine.registered, told, house.log.notice(told))
    await house.hear(carded("clerk", email="clerk@town.example.jp"))
    await house.issue()
    monday = MORNING + timedelta(days=11)
    await reminders.write_before(house.made.consumer, monday)
    assert await states(house, deal.engagement) == []  # the one that is missing was never there: its entry says so
    assert (await web.post(f"/api/certificates/{machine.number()}/revocations", {"reason": "誤り"})).status_code == 201
    async with house.made.consuming() as tx:  # at a moment of this test's own time
        given = {"at": MORNING, "number": machine.number()}
        await tx.connection.execute(text("UPDATE certificates SET revoked_at = :at WHERE number = :number"), given)
    for _ in range(2):
        await reminders.write_before(house.made.consumer, monday)
    written = await states(house, deal.engagement)
    assert ("overdue", "clerk", "waiting") in written
    assert len(written) == len(set(written))
    await house.hear(carded("newcomer", email="new@town.example.jp"))
    await reminders.write_before(house.made.consumer, monday + timedelta(days=8))
    assert await states(house, deal.engagement) == written
    await send(house, post, monday)
    assert "提出期限を過ぎました" in post.mails[-1]["Subject"]
    await house.hear(carded("newcomer"))


async def test_what_came_meanwhile_whom_it_does_not_concern_and_who_switched_off_get_nothing(
    house: House, post: Office, web: Web, engagement: UUID
) -> None:
    assert await reminders.write_before(house.made.consumer, MORNING) >= 1
    assert len(await states(house, engagement)) == 2
    assert (await web.send("/certificates/deadlines/mail", {"mail": "off"}, who="clerk")).status_code == 303
    await send(house, post, MORNING)
    assert await states(house, engagement) == [("due-in-5", "admin", "sent"), ("due-in-5", "clerk", "withdrawn")]
    assert (await web.send("/certificates/deadlines/mail", {"mail": "on"}, who="clerk")).status_code == 303
    later = MORNING + timedelta(days=7)
    await reminders.write_before(house.made.consumer, later)
    async with house.made.consuming() as tx:  # both certificates come before the letters go
        for letter, about in (("D", "destruction"), ("T", "tracking")):
            item = (
                await tx.connection.execute(text("SELECT * FROM items WHERE engagement = :e"), {"e": engagement})
            ).one()
            number = f"{letter}-{item.label[:4]}-{item.label[4:8]}-{item.label[8:]}"
            await tx.connection.execute(
                text(
                    "INSERT INTO certificates (certificate, tenant, number, kind, item, label, medium, issued_at) "
                    "VALUES (gen_random_uuid(), :tenant, :number, :kind, :item, :label, CAST(:medium AS uuid), now())"
                ),
                {"tenant": TOWN, "number": number, "kind": about, "item": item.item, "label": item.label}
                | {"medium": UUID(item.data["media"][0]["id"]) if letter == "D" else None},
            )
    await send(house, post, later)
    assert ("due-in-1", "admin", "withdrawn") in await states(house, engagement)
    assert len(post.taken) == 1


async def test_a_process_that_dies_while_sending_leaves_it_unclear_and_nobody_sends_it_again(
    house: House, post: Office, web: Web, engagement: UUID
) -> None:
    await reminders.write_before(house.made.consumer, MORNING)

    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SENDING, str(post.port), MORNING.isoformat(), cwd=project()
    )
    post.victim = child.pid
    assert await child.wait() == -signal.SIGKILL
    post.victim = 0
    assert len(post.taken) == 1
    assert await letters.find_unclear(house.made.consumer, MORNING + SENDING_MAX / 2) == 0  # it may still be at it
    await send(house, post, MORNING + SENDING_MAX / 2)
    assert await letters.find_unclear(house.made.consumer, MORNING + SENDING_MAX * 2) == 1
    await send(house, post, MORNING + timedelta(days=1))
    assert sorted(state for _what, _person, state in await states(house, engagement)) == ["sent", "unclear"]
    assert len(post.taken) == 2  # each once
    assert len({mail["Message-ID"] for mail in post.mails}) == 2
    shown = await web.page("/certificates/deadlines", who="admin")
    assert "届いたか分からない" in shown.text
    assert "届いたか分からない" not in (await web.page("/certificates/deadlines", who="clerk")).text


async def test_two_workers_at_once_send_each_letter_once(house: House, post: Office, engagement: UUID) -> None:
    people = [f"many{n}" for n in range(30)]
    await house.hear(*(carded(one, email=f"{one}@town.example.jp") for one in people))
    await reminders.write_before(house.made.consumer, MORNING)
    sent = await asyncio.gather(*(send(house, post, MORNING) for _ in range(4)))
    assert sum(sent) == len(people) + 2
    to = [to for _from, (to,), _tls in post.envelopes]
    assert len(to) == len(set(to)) == len(people) + 2
    await house.hear(*(carded(one) for one in people))


async def test_busy_is_tried_again_later_and_given_up_after_days(house: House, post: Office, engagement: UUID) -> None:
    await reminders.write_before(house.made.consumer, MORNING)
    post.rcpt = "450 4.2.1 busy"
    assert await send(house, post, MORNING) == 2
    assert await send(house, post, MORNING) == 0  # not at once
    assert {state for _what, _person, state in await states(house, engagement)} == {"waiting"}
    post.rcpt = ""
    assert await send(house, post, MORNING + timedelta(minutes=6)) == 2
    assert len(post.taken) == 2
    post.rcpt = "450 4.2.1 busy"
    monday, attempts = MORNING + timedelta(days=11), 0
    await reminders.write_before(house.made.consumer, MORNING + timedelta(days=7))
    await loops.overdue_round(house.made.consumer, monday)
    for hours in range(80):
        attempts += await send(house, post, monday + timedelta(hours=hours))
    assert [(what, state) for what, _person, state in await states(house, engagement)] == [
        (what, state)
        for what, state in (("due-in-1", "withdrawn"), ("due-in-5", "sent"), ("overdue", "given-up"))
        for _person in ("admin", "clerk")
    ]  # that the day is near is not said after it
    assert 30 < attempts < 60  # later and later
    assert len(post.taken) == 2


async def test_a_refused_address_is_shown_to_the_town_s_administrator_with_what_to_do(
    house: House, post: Office, web: Web, engagement: UUID
) -> None:
    await reminders.write_before(house.made.consumer, MORNING)
    post.rcpt = "550 5.1.1 <clerk@town.example.jp>: user unknown"
    await send(house, post, MORNING)
    post.rcpt = ""
    assert await send(house, post, MORNING + timedelta(days=1)) == 0  # never again
    kept = await house.rows(STATES, about=engagement)
    assert {row.state for row in kept} == {"refused"}
    assert all("550" in row.said and "@" not in row.said for row in kept)  # no address stays in a letter
    shown = (await web.page("/certificates/deadlines", who="admin")).text
    for said in ("受け取りを断られた", "user unknown", "名簿を直してください"):
        assert said in shown
    assert "user unknown" in (await web.page("/certificates/deadlines?lang=en", who="admin")).text
    for who in ("clerk", "manager"):
        assert "user unknown" not in (await web.page("/certificates/deadlines", who=who)).text


async def test_a_bounce_that_comes_later_as_mail_is_told_with_what_to_do(
    house: House, post: Office, web: Web, engagement: UUID
) -> None:
    await reminders.write_before(house.made.consumer, MORNING)
    await send(house, post, MORNING)
    ((back, envelope),) = [
        (back, UUID(back[len("bounces+") :].split("@")[0]))
        for back, (to,), _tls in post.envelopes
        if to == "clerk@town.example.jp"
    ]
    with smtplib.SMTP(HOST, post.port) as elsewhere:  # the other town's server writes back, to the return path
        await asyncio.to_thread(elsewhere.sendmail, "<>", [back], shaped("postfix", envelope))
    bounce = read(post.taken[-1])
    assert await letters.note_bounce(house.made.consumer, bounce, MORNING) == "returned"
    assert await states(house, engagement) == [("due-in-5", "admin", "sent"), ("due-in-5", "clerk", "returned")]
    (kept,) = [row for row in await house.rows(STATES, about=engagement) if row.state == "returned"]
    assert "User unknown" in kept.said
    assert "@" not in kept.said
    shown = (await web.page("/certificates/deadlines", who="admin")).text
    for told in (
        "clerk@town.example.jp",
        "届かずに返ってきた：宛先の受信箱がない",
        "名簿を直してください",
        "User unknown",
    ):
        assert told in shown
    english = (await web.page("/certificates/deadlines?lang=en", who="admin")).text
    assert "there is no such mailbox" in english
    assert "User unknown" not in (await web.page("/certificates/deadlines", who="clerk")).text
    assert await send(house, post, MORNING + timedelta(days=1)) == 0  # and never again


async def test_a_bounce_twice_a_late_note_and_one_of_no_letter_change_nothing_more(
    house: House, post: Office, engagement: UUID
) -> None:
    await reminders.write_before(house.made.consumer, MORNING)
    taken = await letters.take(house.made.consumer, partial(reminders.compose, origin="https://m"), MORNING)
    assert taken
    letter = taken[0]
    bounce = read(shaped("exim", letter.envelope).encode())
    slow = replace(bounce, failed=False)
    assert await letters.note_bounce(house.made.consumer, slow, MORNING) == "sending"
    for _ in range(2):  # it is faster than the server's own answer, and comes twice
        assert await letters.note_bounce(house.made.consumer, bounce, MORNING) == "returned"
    async with house.made.consumer.begin() as connection:
        await letters._note(connection, letter, "sent", MORNING, "250 taken")
    stands = await house.rows("SELECT changed_at FROM letters WHERE letter = :letter", letter=letter.letter)
    assert await letters.note_bounce(house.made.consumer, bounce, MORNING + timedelta(days=1)) == "returned"
    assert await house.rows("SELECT changed_at FROM letters WHERE letter = :letter", letter=letter.letter) == stands
    (waits,) = await house.rows("SELECT envelope FROM letters WHERE about = :a AND state = 'waiting'", a=engagement)
    assert (
        await letters.note_bounce(house.made.consumer, replace(bounce, envelope=waits.envelope), MORNING) == "waiting"
    )
    before = await states(house, engagement)
    assert await letters.note_bounce(house.made.consumer, replace(bounce, envelope=uuid4()), MORNING) is None
    assert await states(house, engagement) == before


async def test_the_operator_sees_how_the_post_goes_and_nobody_s_name(house: House, web: Web, engagement: UUID) -> None:
    known = settings()
    operator = Principal("operator", "platform", frozenset({"platform-operator"}), "platform", "運用者")
    web.tokens["operator"] = issue(make_identity_key(known.keys), operator, issuer=known.origin)
    await reminders.write_before(house.made.consumer, datetime.now(UTC))
    async with house.made.consuming() as tx:
        await letters.write(tx, table, what="overdue", about=engagement, day=DUE, people=["clerk"], go_at=tx.at)
    shown = await web.page("/certificates/letters", who="operator")
    assert shown.status_code == 200
    for said in ("MEGURU_SMTP_HOST", "送るのを待つ"):
        assert said in shown.text
    for hidden in ("clerk@", "臨時"):
        assert hidden not in shown.text
    assert (await web.page("/certificates/letters", who="admin")).status_code == 403


async def test_where_no_mail_server_is_named_the_loop_lets_letters_wait_and_else_sends_them(
    house: House, post: Office, engagement: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "POST_PAUSE_S", 0.05)
    async with house.made.consuming() as tx:
        of_town = replace(tx, tenant=TOWN)
        await letters.write(of_town, table, what="overdue", about=engagement, day=DUE, people=["clerk"], go_at=tx.at)
    for host, ends_as in (("", "waiting"), (HOST, "sent")):
        known = settings().model_copy(
            update={"smtp_host": host, "smtp_port": post.port, "smtp_tls": "none", "mail_from": SENDER}
        )
        running = asyncio.create_task(loops.send_letters(Work(known, house.made.consumer, Client())))
        for _ in range(30):
            await asyncio.sleep(0.05)
            found = {state for _what, _person, state in await states(house, engagement)}
            if found == {"sent"}:
                break
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert found == {ends_as}
    assert len(post.taken) == 1


async def test_a_letter_of_a_person_who_is_forgotten_is_forgotten(house: House, engagement: UUID) -> None:
    await house.hear(carded("gone", email="gone@town.example.jp"))
    await reminders.write_before(house.made.consumer, MORNING)
    assert ("due-in-5", "gone", "waiting") in await states(house, engagement)

    await house.hear(Notice(uuid7(), "people", TOWN, f"people.{TOWN}.gone", b""))
    assert "gone" not in {person for _what, person, _state in await states(house, engagement)}


async def test_another_town_finds_no_letter_and_the_door_writes_none(house: House, engagement: UUID) -> None:
    await reminders.write_before(house.made.consumer, MORNING)
    assert await states(house, engagement)
    hostile = "SELECT count(*) FROM letters WHERE tenant <> '' OR true"
    async with house.made.acting(OTHER_TOWN) as tx:
        assert (await tx.connection.exec_driver_sql(hostile)).scalar_one() == 0
    assert (await house.rows(hostile))[0][0] > 0
    for query in ("DELETE FROM letters", "UPDATE letters SET state = 'waiting'"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with house.made.acting(TOWN) as tx:
                await tx.connection.exec_driver_sql(query)
