"""A hostile query as the app's role sees nothing foreign; the same query as the owner does return foreign rows."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.tracking.commands import cages, items, parties, scans
from services.tracking.consumers import consumers
from services.tracking.log.note import NoteSigner
from services.tracking.loops import Kept, integrate
from services.tracking.tables import metadata
from services.tracking.tests.world import founded, registered, row
from shared.database import as_party
from shared.entry import By, Entry, Request
from shared.ids import uuid7
from shared.refused import Refused
from shared.testing import NOW, OTHER_TOWN, TOWN, WORKER, Service

THEIRS = By(person="theirs", party=OTHER_TOWN)
STRANGER = By(person="stranger", party="centre-other")
PUBLIC = {"tiles", "checkpoints", "parties", "cosignatures"}  # what anybody may read: the log, and who takes part
UNREAD = {"outbox", "notices", "parked"}  # the door may announce and reads none of it
OWNERS = {"people": "party", "engagements": "town"}
SECRET = {"sessions": "session"}  # no tenant: seen by the secret's digest alone
TABLES = sorted(set(metadata.tables) - PUBLIC - UNREAD - set(SECRET))


def owner_of(table: str) -> str:
    return OWNERS.get(table, "tenant")


@pytest.fixture(scope="module")
async def filled(tracking: Service) -> Service:
    """Two towns, and every table has rows of the other one."""
    for town, by in ((TOWN, By(person="clerk", party=TOWN)), (OTHER_TOWN, THEIRS)):
        engagement = await founded(tracking, town=town)
        over = await founded(tracking, town=town, contract="over")
        (one,) = await registered(tracking, engagement, [row(f"R-{town}")], town=town)
        async with tracking.acting(town, WORKER) as tx:
            await cages.seal(tx, engagement, "1", "4817", [one.stream])  # two towns may have the same seal
        async with tracking.acting(town, by) as tx:
            await items.register_lot(tx, engagement, "monitor", 59)
            await parties.end_engagement(tx, over)
            said = Request(id=uuid7(), digest="taken over, and never ready")
            await scans.scan(tx, [scans.Scanned(one.stream, "taken-over", said, NOW)])
            await parties.enrol(tx, by.person, name="名前", title=None, contact=None, roles=["clerk"])
    found = await tracking.rows("SELECT body, salt FROM entries")
    async with tracking.consuming() as tx:
        await consumers.handle(tx, [Entry.read(one.body, one.salt) for one in found])
    async with tracking.consumer.connect() as connection:
        await integrate(connection, NoteSigner.new("test/log"), Kept(tracking.settings.kept_head))
    async with tracking.owner.begin() as connection:
        await connection.execute(
            text("INSERT INTO sessions (session, person, started_at, seen_at) VALUES ('digest', 'theirs', :at, :at)"),
            {"at": NOW},
        )
    return tracking


@pytest.mark.parametrize("table", TABLES)
async def test_a_hostile_query_finds_nothing_of_another_town_and_as_owner_it_does(filled: Service, table: str) -> None:
    column = owner_of(table)
    hostile = f"SELECT {column} FROM {table} WHERE {column} = '{OTHER_TOWN}' OR true"  # noqa: S608 - hostile on purpose
    assert OTHER_TOWN in {one[0] for one in await filled.rows(hostile)}, "the owner sees foreign rows"
    for by in (By(person="clerk", party=TOWN), STRANGER):
        async with filled.acting(TOWN, by) as tx:
            assert OTHER_TOWN not in {one[0] for one in await tx.connection.execute(text(hostile))}, by
    async with filled.app.connect() as connection:
        assert list(await connection.execute(text(hostile))) == [], "without a party nothing is seen"


@pytest.mark.parametrize("table", sorted(UNREAD))
async def test_what_waits_for_the_bus_is_not_read_through_the_door(filled: Service, table: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with filled.acting(TOWN) as tx:
            await tx.connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608 - our own names


async def test_a_session_is_seen_by_its_own_secret_alone(filled: Service) -> None:
    assert [one[0] for one in await filled.rows("SELECT session FROM sessions")] == ["digest"]
    async with filled.acting(OTHER_TOWN, THEIRS) as tx:
        assert list(await tx.connection.execute(text("SELECT * FROM sessions WHERE true"))) == []
        await tx.connection.execute(text("SELECT set_config('app.session', 'another', true)"))
        assert list(await tx.connection.execute(text("SELECT * FROM sessions WHERE true"))) == []
        await tx.connection.execute(text("DELETE FROM sessions WHERE true"))
    assert len(await filled.rows("SELECT * FROM sessions")) == 1
    async with filled.app.begin() as connection:
        await connection.execute(text("SELECT set_config('app.session', 'digest', true)"))
        assert len(list(await connection.execute(text("SELECT * FROM sessions WHERE true")))) == 1


async def test_signing_in_looks_one_person_up_and_no_list(filled: Service) -> None:
    async with filled.app.connect() as connection:
        assert list(await connection.execute(text("SELECT * FROM people"))) == []
        found = list(await connection.execute(text("SELECT person, party FROM signs_in('theirs')")))
    assert [tuple(one) for one in found] == [("theirs", OTHER_TOWN)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO people (person, party, name, roles) VALUES ('x', '{their}', 'x', '[]')",
        "INSERT INTO parties (party, kind, name) VALUES ('{their}-2', 'town', 'x')",
        (
            "INSERT INTO labels (label, token, tenant, engagement, item, batch, row) "
            "VALUES ('x', 'x', '{their}', gen_random_uuid(), gen_random_uuid(), 'x', 1)"
        ),
        (
            "INSERT INTO entries (stream, sequence, id, tenant, kind, recorded_at, occurred_at, body, salt) "
            "VALUES (gen_random_uuid(), 1, gen_random_uuid(), '{their}', 'x', now(), now(), 'x', 'x')"
        ),
        "INSERT INTO sessions (session, person, started_at, seen_at) VALUES ('x', 'theirs', now(), now())",
    ],
)
async def test_a_row_in_another_towns_name_is_not_written(filled: Service, statement: str) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        async with filled.acting(TOWN) as tx:
            await tx.connection.execute(text(statement.format(their=OTHER_TOWN)))


@pytest.mark.parametrize(
    "statement",
    [
        *(f"DELETE FROM {table}" for table in TABLES),  # noqa: S608 - our own names
        *(f"UPDATE {table} SET tenant = tenant" for table in TABLES if table not in OWNERS),  # noqa: S608 - our own names
        "UPDATE people SET party = party",
        "UPDATE sessions SET person = person",
        "INSERT INTO timeline (stream) VALUES (gen_random_uuid())",
        "INSERT INTO tiles (path, content) VALUES ('x', 'x')",
        "INSERT INTO checkpoints (size, root, note) VALUES (1, 'x', 'x')",
    ],
)
async def test_the_door_changes_and_deletes_nothing_and_writes_no_view_of_the_bus(
    filled: Service, statement: str
) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with filled.acting(TOWN) as tx:
            await tx.connection.execute(text(statement))


async def test_nobody_takes_another_partys_person_over(filled: Service) -> None:
    with pytest.raises(Refused) as refused:
        async with filled.acting(TOWN) as tx:
            await parties.enrol(tx, "theirs", name="乗っ取り", title=None, contact=None, roles=["town-admin"])
    assert refused.value.code == "person-taken"
    async with filled.acting(TOWN) as tx:
        changed = await tx.connection.execute(
            text("UPDATE people SET roles = '[\"town-admin\"]' WHERE true RETURNING party")
        )
        assert {one.party for one in changed} == {TOWN}
    (theirs,) = await filled.rows("SELECT party, roles FROM people WHERE person = 'theirs'")
    assert tuple(theirs) == (OTHER_TOWN, ["clerk"])


async def test_a_public_look_up_needs_the_whole_label_and_a_lot_an_engagement(filled: Service) -> None:
    (lot,) = await filled.rows("SELECT label FROM lots WHERE tenant = :theirs", theirs=OTHER_TOWN)
    async with filled.app.connect() as connection:
        assert list(await connection.execute(text("SELECT * FROM public_item('%')"))) == []
        for party, seen in ((OTHER_TOWN, 1), (TOWN, 0), (STRANGER.party, 0)):
            look = text("SELECT * FROM lot_of(:label, :party)")
            assert len(list(await connection.execute(look, {"label": lot.label, "party": party}))) == seen


async def test_as_party_lasts_one_transaction(filled: Service) -> None:
    async with filled.app.connect() as connection:
        async with connection.begin():
            await as_party(connection, tenant=OTHER_TOWN, party=OTHER_TOWN)
            assert list(await connection.execute(text("SELECT 1 FROM items")))
        async with connection.begin():
            assert list(await connection.execute(text("SELECT 1 FROM items"))) == []
