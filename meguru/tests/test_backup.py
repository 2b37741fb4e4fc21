"""A backup restored elsewhere: the same rows, blobs and keys, a clean audit; nothing else is taken for a backup."""

import asyncio
import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from meguru import backup as backing
from meguru.audit import audit
from meguru.backup import BadBackup, backup, restore, verify
from meguru.cli import app
from meguru.founding import PREPARE, settings_of
from meguru.standing import NoStack, Running, standing
from services.tracking import loops
from services.tracking.consumers import consumers
from services.tracking.keys import log_signer
from services.tracking.log.note import Checkpoint
from services.tracking.tests import world as town
from shared.database import engine
from shared.entry import Entry
from shared.stack.stack import LOG_ORIGIN, Stack
from shared.testing import TOWN, Service

PHOTO = b"\xff\xd8 a photo of a crushed drive"
NAME = hashlib.sha256(PHOTO).hexdigest()
BLOB = Path("blobs") / TOWN / NAME[:2] / NAME


@pytest.fixture(scope="module")
async def alive(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """A stack of its own with something in every part of it, still working."""
    async with Stack(tmp_path_factory.mktemp("alive") / "data", services=(), prepare=PREPARE) as stack:
        await fill(stack)
        yield stack


async def fill(stack: Stack) -> None:
    """Register three items as the town does, log them, and keep a blob."""
    made = service_of(stack)
    engagement = await town.founded(made)
    await town.registered(made, engagement, [town.row(f"B{n}") for n in range(3)])
    entries = await made.rows("SELECT body, salt FROM entries")
    async with made.consuming() as tx:
        await consumers.handle(tx, [Entry.read(bytes(row.body), bytes(row.salt)) for row in entries])
    signer = log_signer(stack.folder / "keys", made.settings.log_origin)
    async with made.consumer.connect() as connection:
        assert await loops.integrate(connection, signer, loops.Kept(stack.kept_head)) == len(entries)
    for each in (made.app, made.consumer, made.owner):
        await each.dispose()
    await asyncio.to_thread(keep_blob, stack.folder)


def service_of(stack: Stack) -> Service:
    known = settings_of(stack, "tracking")
    return Service(known, stack, engine(known, "app"), engine(known, "consumer"), engine(known, "owner"))


def keep_blob(folder: Path) -> None:
    (folder / BLOB).parent.mkdir(parents=True)
    (folder / BLOB).write_bytes(PHOTO)


async def dump(stack: Stack) -> dict[str, list[str]]:
    """Every row of every table that the backup must bring."""
    rows: dict[str, list[str]] = {}
    connection = await stack.connect("tracking")
    for table in ("entries", "timeline", "leaves", "tiles", "checkpoints", "labels", "people", "parties", "items"):
        found = await connection.fetch(f"SELECT t::text AS row FROM {table} t ORDER BY 1")  # noqa: S608 - ours
        rows[table] = [row["row"] for row in found]
    await connection.close()
    return rows


@pytest.fixture(scope="module")
async def taken(alive: Stack) -> Path:
    file = alive.folder.parent / "taken.tar"
    await backup(alive, file)
    return file


async def test_restored_elsewhere_it_is_the_same_and_the_audit_is_clean(alive: Stack, taken: Path) -> None:
    folder = alive.folder.parent / "restored"
    result = await restore(taken, folder)
    assert result.findings == []
    assert result.entries["tracking"] >= 6
    assert result.republished["erasure"] >= 4
    async with standing(folder) as stack:
        assert not isinstance(stack, Running)
        restored = await dump(stack)
        assert restored == await dump(alive)
        assert all(restored.values())
        assert await audit(stack) == []
    assert_same_files(folder, alive.folder)


async def test_taken_while_the_town_goes_on_registering_it_is_one_moment(alive: Stack, tmp_path: Path) -> None:
    before = len((await dump(alive))["entries"])
    made = service_of(alive)
    going = asyncio.create_task(register_on_and_on(made))
    await asyncio.sleep(0.3)
    await backup(alive, tmp_path / "live.tar")
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    after = len((await dump(alive))["entries"])
    result = await restore(tmp_path / "live.tar", tmp_path / "live")
    assert result.findings == []
    assert before < result.entries["tracking"] < after
    async with standing(tmp_path / "live") as stack:
        restored, whole = await dump(stack), await dump(alive)
    assert set(restored["entries"]) < set(whole["entries"])
    for each in (made.app, made.consumer, made.owner):
        await each.dispose()


async def register_on_and_on(made: Service) -> None:
    """Register, log, and again: ledger, leaves, tiles and heads change all the time."""
    signer = log_signer(made.stack.folder / "keys", made.settings.log_origin)
    (row,) = await made.rows("SELECT engagement FROM engagements")
    for n in range(10_000):
        entries = await town.registered(made, row.engagement, [town.row(f"LIVE{n}")])
        async with made.consuming() as tx:
            await consumers.handle(tx, entries)
        async with made.consumer.connect() as connection:
            await loops.integrate(connection, signer, loops.Kept(made.stack.kept_head))


def test_the_file_is_for_its_owner_alone(taken: Path) -> None:
    assert taken.stat().st_mode & 0o077 == 0


def assert_same_files(folder: Path, other: Path) -> None:
    for part in (Path("keys/log.pem"), Path("keys/log.vkey"), Path("head/checkpoint"), BLOB):
        assert (folder / part).read_bytes() == (other / part).read_bytes()
        assert (folder / part).stat().st_mode & 0o077 == 0


def test_as_typed_it_is_restored_where_run_looks_and_every_command_answers(taken: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"

    def typed(*words: object) -> Result:
        return CliRunner().invoke(app, [*(str(word) for word in words), "--folder", str(folder)])

    restored = typed("restore", taken)
    assert restored.exit_code == 0, restored.output
    assert "The log goes on from" in restored.output
    assert (folder / "stack" / "secrets.json").exists()
    assert (folder / "replayed").exists()
    again = typed("restore", taken)
    assert (again.exit_code, "never overwritten" in again.output) == (2, True)
    audited = typed("audit", "--json")
    assert audited.exit_code == 0
    assert '"clean": true' in audited.output
    own, later, none = folder / "stack" / "head" / "checkpoint", tmp_path / "later", tmp_path / "none"
    signer = log_signer(folder / "stack" / "keys", LOG_ORIGIN)
    later.write_text(signer.sign(str(Checkpoint(LOG_ORIGIN, 10_000, bytes(32)))), encoding="utf-8")
    none.write_text("no head\n", encoding="utf-8")
    for head, code, said in (
        (own, 0, "agree"),
        (later, 1, "an older state was put back"),
        (none, 2, "/log/checkpoint"),
    ):
        given = typed("audit", "--checkpoint", head)
        assert (given.exit_code, said in given.output) == (code, True), given.output
    different = typed("rebuild", "--compare")
    assert different.exit_code == 1, different.output  # these services have not run since
    assert "engagements" in different.output
    rebuilt = typed("rebuild")
    assert rebuilt.exit_code == 0, rebuilt.output
    compared = typed("rebuild", "--compare", "--service", "erasure")
    assert compared.exit_code == 0, compared.output
    assert "Published to refurb" in typed("republish", "--service", "refurb").output
    assert typed("republish", "--service", "nobody").exit_code == 2
    assert "Nothing is parked" in typed("parked").output
    copied = typed("backup", tmp_path / "second.tar")
    assert copied.exit_code == 0, copied.output
    assert verify(tmp_path / "second.tar")["files"].keys() == verify(taken)["files"].keys()


async def test_a_running_stack_is_reached_beside_its_owner(alive: Stack) -> None:
    async with standing(alive.folder) as stack:
        assert isinstance(stack, Running)
        assert await audit(stack) == []
    assert await dump(alive)  # it still runs


async def test_no_data_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NoStack, match="There is no data"):
        async with standing(tmp_path):
            pass


def test_data_that_is_there_is_never_overwritten(taken: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(BadBackup, match="never overwritten"):
        asyncio.run(restore(taken, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


async def test_a_backup_does_not_replace_a_file(alive: Stack, taken: Path) -> None:
    before = verify(taken)
    with pytest.raises(BadBackup, match="exists already"):
        await backup(alive, taken)
    with pytest.raises(BadBackup, match="no folder"):
        await backup(alive, taken.parent / "absent" / "x.tar")
    assert verify(taken) == before


def test_an_altered_file_is_refused_and_nothing_is_written(taken: Path, tmp_path: Path) -> None:
    whole = taken.read_bytes()
    with tarfile.open(taken) as tar:
        places = {member.name: (member.offset_data, member.size) for member in tar}
    for name, (at, size) in places.items():
        changed = bytearray(whole)
        changed[at + size // 2] ^= 1
        (tmp_path / "altered.tar").write_bytes(changed)
        with pytest.raises(BadBackup, match=r"(altered|is of PostgreSQL)"):
            asyncio.run(restore(tmp_path / "altered.tar", tmp_path / "new"))
        assert not (tmp_path / "new").exists(), name


@pytest.mark.parametrize("content", [b"", b"not a tar at all" * 100, b"\x00" * 20480], ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BadBackup, match="no backup"):
        verify(tmp_path / "file")


def test_a_cut_file_is_refused(taken: Path, tmp_path: Path) -> None:
    whole = taken.read_bytes()
    for part in (3, 2):
        (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // part])
        with pytest.raises(BadBackup, match="damaged"):
            verify(tmp_path / "cut.tar")


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadBackup, match="cannot be opened"):
        verify(tmp_path / "absent.tar")


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "keys/../../outside", "other/file", "keys"])
def test_a_member_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    content = b"x"
    about = {
        "format": 1,
        "files": {name: hashlib.sha256(content).hexdigest(), backing.BASE: hashlib.sha256().hexdigest()},
    }
    with tarfile.open(tmp_path / "made.tar", "w") as tar:
        for member, data in ((name, content), (backing.BASE, b""), (backing.MANIFEST, json.dumps(about).encode())):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    with pytest.raises(BadBackup, match="no backup"):
        verify(tmp_path / "made.tar")


def test_another_version_of_the_server_is_named(taken: Path, tmp_path: Path) -> None:
    with tarfile.open(taken) as old, tarfile.open(tmp_path / "other.tar", "w") as new:
        for member in old:
            content = old.extractfile(member)
            assert content is not None
            data = content.read()
            if member.name == backing.MANIFEST:
                data = json.dumps(json.loads(data) | {"postgres": "12"}).encode()
                member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    with pytest.raises(BadBackup, match="PostgreSQL 12"):
        verify(tmp_path / "other.tar")
