"""A database that an older release made and wrote into, brought up to this one.

`old/0003.sql` is `pg_dump --inserts` of what commit 923c0e5 made (the first three migrations): a machine with both its
certificates, a revoked certificate, one that waits for the log's proof, one that is late. `old/0007.sql` is of commit
e1c5b77 (the first seven): letters that wait, went, and may have gone. Frozen: what was recorded once must come up for
ever. Most months' empty partitions were left out, so that `migrate` has some to make.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from services.certificates import commands, consumers, missing, views
from services.certificates.missing import Span
from services.certificates.reminders import compose
from services.certificates.tests import sample
from services.certificates.tests.conftest import House, housed
from services.certificates.tests.test_loops import certificate, verified
from shared import ledger, letters
from shared.bounces import read
from shared.entry import Entry
from shared.migration import migrate
from shared.stack.stack import Stack
from shared.testing import NOW, TOWN
from shared.tests.test_bounces import shaped

pytestmark = sample.needs_fonts

FOLDER = Path(__file__).parent / "old"
FIRST = pytest.mark.parametrize("old", ["0003"], indirect=True)
SEVENTH = pytest.mark.parametrize("old", ["0007"], indirect=True)
LATER = datetime(2027, 2, 25, 2, 0, tzinfo=UTC)
STANDS, REVOKED, WAITS, LATE = "D-4WPA-TS7W-4", "D-3K7K-Y2YY-F", "D-QVYG-23XY-3", "D-5CGM-X52H-A"
NUMBERS = "SELECT number, kind, requested_at, issued_at, revoked_at, overdue_at, pdf_sha256, reason FROM certificates"
ENTRIES = "SELECT id, stream, sequence, kind, body, salt FROM entries ORDER BY stream, sequence"


@pytest.fixture(scope="module", params=["0003", "0007"])
async def old(servers: Stack, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """The old database, migrated by this release twice: a second time changes nothing."""
    version: str = request.param
    async with housed(servers, dump=(FOLDER / f"{version}.sql").read_text("utf-8")) as house:
        before = [await house.rows(query) for query in (ENTRIES, f"{NUMBERS} ORDER BY number")]
        assert len(before[0]) > 3
        assert (await house.rows("SELECT version_num FROM alembic_version"))[0][0] == version
        for _ in range(2):
            await asyncio.to_thread(migrate, house.made.settings)
            assert [await house.rows(query) for query in (ENTRIES, f"{NUMBERS} ORDER BY number")] == before
        yield house


async def test_it_comes_up_with_the_tables_of_this_release(old: House) -> None:
    metadata = import_module("services.certificates.tables").metadata

    def differences(connection: Connection) -> list[object]:
        def ours(_: object, name: str | None, kind: str, __: bool, ___: object) -> bool:
            return not (kind == "table" and str(name).startswith(("entries_", "alembic_version")))

        options = {"include_object": ours, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    async with old.made.owner.connect() as connection:
        assert await connection.run_sync(differences) == []
    bare = await old.rows(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'public' "
        "AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'alembic_version' "
        "AND NOT (relrowsecurity AND relforcerowsecurity)"
    )
    assert bare == []
    (months,) = await old.rows("SELECT count(*) AS n FROM pg_inherits WHERE inhparent = 'entries'::regclass")
    assert months.n > 24


@FIRST
async def test_every_old_entry_is_read_and_says_what_the_view_says(old: House) -> None:
    rows = await old.rows(ENTRIES)
    entries: list[Entry[Any]] = [Entry.read(bytes(row.body), bytes(row.salt)) for row in rows]
    assert {entry.kind for entry in entries} == {
        f"certificates.{kind}.v1" for kind in ("requested", "issued", "revoked", "overdue")
    }
    before = await old.rows(f"{NUMBERS} ORDER BY number")
    async with old.made.consuming() as tx:
        for table in ("pending", "certificates"):
            await tx.connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - two names of ours
        await views.apply(tx, entries)
    assert await old.rows(f"{NUMBERS} ORDER BY number") == before


async def test_what_was_heard_before_is_heard_again_without_effect(old: House) -> None:
    rows = await old.rows("SELECT body, salt FROM evidence ORDER BY recorded_at")
    heard: list[Entry[Any]] = [Entry.read(bytes(row.body), bytes(row.salt)) for row in rows]
    before = await old.rows(ENTRIES)
    async with old.made.consuming() as tx:  # as `meguru republish --service certificates` sends it
        await consumers.consumers.handle(tx, heard[::-1])
    assert await old.rows(ENTRIES) == before


@FIRST
async def test_what_waited_is_issued_and_what_was_revoked_gets_a_replacement(old: House) -> None:
    waits = await certificate(old, WAITS)
    (row,) = await old.rows("SELECT body, salt FROM evidence WHERE entry = :e", e=waits.cited)
    told: Entry[Any] = Entry.read(bytes(row.body), bytes(row.salt))
    await old.hear(old.log.notice(told))
    assert await old.issue() == 1
    for kind in ("pdf", "json"):
        assert (await verified(await certificate(old, WAITS), kind)).ok
    gone = await certificate(old, REVOKED)
    async with old.made.acting(TOWN) as tx:
        await commands.reissue(tx, gone.certificate, gone.reason, "wrong-medium")
    again = await certificate(old, f"{REVOKED}-R2")
    assert (again.replaces, (await certificate(old, REVOKED)).replaced_by) == (REVOKED, f"{REVOKED}-R2")


@FIRST
async def test_what_is_missing_is_asked_by_this_release_s_words(old: House) -> None:
    async with old.made.consumer.connect() as connection:
        rows = await missing.missing(connection, TOWN, Span(), most=100)
    numbers = {row.number: row.reason for row in rows}
    assert numbers[LATE] == "not-destroyed"
    assert STANDS not in numbers
    (late,) = await old.rows("SELECT certificate FROM certificates WHERE number = :n", n=LATE)
    async with old.made.consuming() as tx:
        assert [entry.kind for entry in (await ledger.read(tx, late.certificate)).entries] == [
            "certificates.overdue.v1"
        ]


@SEVENTH
async def test_old_letters_get_an_envelope_of_their_own_and_go_on(old: House) -> None:
    rows = await old.rows("SELECT person, state, envelope, status FROM letters ORDER BY state, person")
    assert [(row.person, row.state, row.status) for row in rows] == [
        ("clerk", "sent", None),
        ("admin", "unclear", None),
        ("admin", "waiting", None),
        ("clerk", "waiting", None),
    ]
    assert len({row.envelope for row in rows}) == len(rows)
    bounce = read(shaped("exim", rows[0].envelope).encode())
    assert await letters.note_bounce(old.made.consumer, bounce, NOW) == "returned"
    taken = await letters.take(old.made.consumer, partial(compose, origin="https://meguru.example"), LATER)
    assert taken
    assert taken[0].envelope in {row.envelope for row in rows}
    async with old.made.app.connect() as connection:  # the operator's page
        office = list(await connection.execute(text("SELECT state FROM post_office(:since)"), {"since": NOW}))
    assert "returned" in {row.state for row in office}
