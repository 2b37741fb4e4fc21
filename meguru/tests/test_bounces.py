"""`meguru bounces`: as a mail server's alias runs it, and by hand over files."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from meguru.bounces import NOT_ALL, TAKEN, TRY_AGAIN, take_bounces
from services.certificates.tables import letters as table
from shared import letters
from shared.settings import settings
from shared.stack.stack import Stack
from shared.testing import TOWN, Service, project, service
from shared.tests.test_bounces import shaped

PEOPLE = ("clerk", "admin")


@pytest.fixture(scope="module")
async def made(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "certificates") as made:
        yield made


@pytest.fixture
async def sent(made: Service) -> dict[str, UUID]:
    """A letter each to two people, which the mail server took; the envelope of each."""
    async with made.consuming() as tx:
        for person in PEOPLE:
            await tx.connection.execute(
                text(
                    "INSERT INTO people (person, party, name, roles) VALUES (:person, :town, 'だれか', '[\"clerk\"]') "
                    "ON CONFLICT DO NOTHING"
                ),
                {"person": person, "town": TOWN},
            )
        await letters.write(
            tx, table, what="overdue", about=uuid4(), day=date(2027, 2, 26), people=PEOPLE, go_at=datetime.now(UTC)
        )
        await tx.connection.execute(text("UPDATE letters SET state = 'sent' WHERE state = 'waiting'"))
        rows = await tx.connection.execute(text("SELECT person, envelope FROM letters WHERE state = 'sent'"))
        return {row.person: row.envelope for row in rows}


async def states(made: Service, sent: dict[str, UUID]) -> dict[str, str]:
    rows = await made.rows("SELECT person, state FROM letters WHERE envelope = ANY(:of)", of=list(sent.values()))
    return {row.person: row.state for row in rows}


async def alias(content: bytes) -> tuple[int | None, str]:
    """Hand a mail over as a mail server does; return the exit code and what was said."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "meguru", "bounces"),
        cwd=project(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate(content)
    return child.returncode, said.decode()


async def test_an_alias_hands_a_bounce_over_and_a_forged_one_marks_nobody_s_letter(
    made: Service, sent: dict[str, UUID]
) -> None:
    code, said = await alias(shaped("exchange", uuid4()).encode())
    assert (code, said[:1]) == (TAKEN, "×")  # else the server would bounce the bounce
    assert set((await states(made, sent)).values()) == {"sent"}
    code, said = await alias(shaped("exchange", sent["clerk"]).encode())
    assert (code, said[:1]) == (TAKEN, "○"), said
    assert await states(made, sent) == {"clerk": "returned", "admin": "sent"}


async def test_of_files_it_is_said_which_were_not_tied(
    tmp_path: Path, made: Service, sent: dict[str, UUID], capsys: pytest.CaptureFixture[str]
) -> None:
    mails = {
        "good.eml": shaped("postfix", sent["admin"]),
        "forged.eml": shaped("exim", uuid4()),
        "holiday.eml": "To: bounces@meguru.example.jp\r\n\r\nI am away\r\n",
        "late.eml": shaped("postfix", sent["clerk"]).replace("Action: failed", "Action: delayed"),
    }
    files = [tmp_path / name for name in sorted(mails)]
    for file in files:
        file.write_text(mails[file.name], newline="")
    assert await take_bounces([tmp_path / "good.eml", tmp_path / "late.eml"], None) == TAKEN
    assert await take_bounces(files, None) == NOT_ALL
    told = capsys.readouterr()
    assert [line.split(":")[0].rpartition("/")[2] for line in told.err.splitlines()] == ["forged.eml", "holiday.eml"]
    assert told.out.count("○") == 4
    assert await states(made, sent) == {"clerk": "sent", "admin": "returned"}


async def test_a_database_that_is_away_makes_the_mail_server_keep_it(
    tmp_path: Path, made: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.eml").write_text(shaped("postfix"))
    with monkeypatch.context() as patch:
        patch.setenv("MEGURU_DATABASE_PORT", "1")
        settings.cache_clear()
        assert await take_bounces([tmp_path / "one.eml"], None) == TRY_AGAIN == os.EX_TEMPFAIL
        assert await take_bounces([tmp_path / "one.eml"], tmp_path / "nothing") == TRY_AGAIN
    settings.cache_clear()
