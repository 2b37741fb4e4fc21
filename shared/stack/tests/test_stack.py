import asyncio
import json
import os
import random
import signal
import socket
import sys
import textwrap
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import nats
import nats.errors
import psutil
import pytest
from nats.aio.client import Client
from nats.js.errors import APIError

from shared import jetstream
from shared.stack.ports import PORT_MAX, PORT_MIN, free_port, is_free
from shared.stack.postgres import BadCluster, Postgres
from shared.stack.stack import SERVICES, Stack, StackInUse, _outside

ROOT = Path(__file__).parents[3]


async def declare(stack: Stack) -> None:
    client = await nats.connect(**stack.nats_options())
    await jetstream.declare(client)
    await client.close()


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with Stack(tmp_path_factory.mktemp("stack"), services=(), prepare=[declare]) as running:
        yield running


@pytest.fixture
async def erasure(stack: Stack) -> AsyncIterator[tuple[Client, asyncio.Queue[str]]]:
    """A connection as the service erasure, and what the server complained about."""
    complaints: asyncio.Queue[str] = asyncio.Queue()

    async def complain(failure: Exception) -> None:
        complaints.put_nowait(str(failure).lower())

    client = await nats.connect(**stack.nats_options("erasure"), error_cb=complain)
    yield client, complaints
    await client.close()


Erasure = tuple[Client, asyncio.Queue[str]]


async def test_every_service_has_its_database_and_its_four_roles(stack: Stack) -> None:
    for service in SERVICES:
        connection = await asyncpg.connect(stack.dsn(service, "owner"))
        roles = await connection.fetch(
            "SELECT rolname, rolcanlogin, rolsuper OR rolbypassrls AS mighty FROM pg_roles WHERE rolname LIKE $1",
            f"{service}\\_%",
        )
        await connection.execute("CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42'")
        await connection.execute(f"GRANT CREATE ON SCHEMA public TO {service}_lookup")
        await connection.execute(f"ALTER FUNCTION answer() OWNER TO {service}_lookup")
        await connection.close()
        assert {row["rolname"].removeprefix(f"{service}_"): row["rolcanlogin"] for row in roles} == {
            "owner": True,
            "app": True,
            "consumer": True,
            "lookup": False,
        }
        assert not any(row["mighty"] for row in roles)


async def test_postgresql_refuses_a_wrong_password(stack: Stack) -> None:
    right = stack.dsn("erasure", "app")
    wrong = right.replace(right.split(":")[2].split("@")[0], "guessed")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)


async def test_a_service_cannot_open_the_database_of_another(stack: Stack) -> None:
    foreign = stack.dsn("erasure", "app").replace("/erasure?", "/tracking?")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(foreign)


async def test_a_database_is_renewed_empty(stack: Stack) -> None:
    connection = await asyncpg.connect(stack.dsn("refurb", "owner"))
    await connection.execute("CREATE TABLE old (id int)")
    await connection.close()
    await stack.renew_database("refurb")
    connection = await asyncpg.connect(stack.dsn("refurb", "owner"))
    assert await connection.fetchval("SELECT to_regclass('old')") is None
    await connection.close()


@pytest.mark.parametrize(
    "subject",
    [
        "custody.town-1.tracking.received.v1",
        "notice.town-1.tracking.logged.v1",
        "people.town-1.clerk",
        "parked.tracking.x",
        "replay.tracking.x",
        "itad.centre-1.report",
    ],
)
async def test_a_service_may_not_publish_what_is_another_s(erasure: Erasure, subject: str) -> None:
    client, complaints = erasure
    await client.publish(subject, b"forged")
    complaint = await asyncio.wait_for(complaints.get(), 5)
    assert complaint == f'nats: permissions violation for publish to "{subject}"'


async def test_a_service_publishes_reads_its_durable_and_acknowledges(erasure: Erasure, stack: Stack) -> None:
    client, complaints = erasure
    operator = await nats.connect(**stack.nats_options())
    await operator.jetstream().publish("custody.town-1.tracking.item-registered.v1", b"fact")
    await client.jetstream().publish("custody.town-1.erasure.medium-erased.v1", b"fact", stream="CUSTODY")
    pulling = await client.jetstream().pull_subscribe_bind("erasure", stream="CUSTODY")
    for message in await pulling.fetch(1, timeout=5):
        await message.ack_sync(timeout=5)
    info = await operator.jetstream().consumer_info("CUSTODY", "erasure")
    await operator.close()
    assert info.ack_floor is not None
    assert info.ack_floor.consumer_seq == 1
    assert complaints.empty()


async def test_a_service_may_not_make_a_consumer_or_read_a_subject(erasure: Erasure) -> None:
    client, complaints = erasure
    with pytest.raises((nats.errors.Error, APIError, TimeoutError)):
        await asyncio.wait_for(client.jetstream().add_consumer("CUSTODY", durable_name="erasure-second"), 1)
    assert "$js.api.consumer." in await asyncio.wait_for(complaints.get(), 5)
    await client.subscribe("custody.>")
    assert 'subscription to "custody.>"' in await asyncio.wait_for(complaints.get(), 5)


async def test_nats_refuses_a_wrong_password(stack: Stack) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.ports["nats"])
    assert (await reader.readline()).startswith(b"INFO ")
    writer.write(b'CONNECT {"user":"erasure","pass":"guessed","verbose":false}\r\nPING\r\n')
    assert b"Authorization Violation" in await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await writer.wait_closed()


async def test_a_second_stack_on_the_same_folder_is_refused_with_a_sentence(stack: Stack) -> None:
    with pytest.raises(StackInUse, match=r"別のめぐるが使っています.*choose another folder"):
        async with Stack(stack.folder, services=()):
            pytest.fail("two stacks share a folder")


async def test_the_state_file_names_processes_and_no_password_is_readable_by_others(stack: Stack) -> None:
    state = json.loads((stack.folder / "stack.json").read_text(encoding="utf-8"))
    assert state["pids"] == stack.pids
    assert state["ports"]["nats"] == stack.ports["nats"]
    secret = stack.nats_options("erasure")["password"]
    assert secret not in json.dumps(state)
    holders = [path for path in stack.folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert {path.name for path in holders} == {"secrets.json", "nats.conf"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in holders)


async def test_postgresql_comes_back_with_its_rows_after_kill(stack: Stack) -> None:
    connection = await asyncpg.connect(stack.dsn("donations", "owner"))
    await connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    dead = stack.kill("postgres")
    await asyncio.wait_for(stack.settled("postgres"), 30)
    assert stack.pids["postgres"] != dead
    connection.terminate()
    connection = await asyncpg.connect(stack.dsn("donations", "owner"))
    assert await connection.fetchval("SELECT n FROM kept") == 7
    await connection.close()


async def test_nats_goes_and_comes_back_on_the_same_port_with_its_messages(stack: Stack) -> None:
    client = await nats.connect(**stack.nats_options())
    before = (await client.jetstream().publish("custody.town-1.erasure.witness-recorded.v1", b"fact")).seq
    await client.close()
    port = stack.ports["nats"]
    await stack.stop_nats()
    assert is_free(port)
    await stack.start_nats()
    stack.kill("nats")
    await asyncio.wait_for(stack.settled("nats"), 30)
    client = await nats.connect(**stack.nats_options())
    assert (await client.jetstream().stream_info("CUSTODY")).state.last_seq == before
    assert stack.ports["nats"] == port
    await client.close()


async def test_a_killed_supervisor_leaves_no_orphan_and_the_next_start_works(tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        from pathlib import Path
        from shared.stack.foreground import serve
        from shared.stack.stack import Stack
        serve(Stack(Path({str(tmp_path / "data")!r}), services=()), lambda stack: print("up", flush=True))
    """)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=ROOT, env=dict(os.environ)
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 60) == b"up\n"
    state = json.loads((tmp_path / "data" / "stack.json").read_text(encoding="utf-8"))
    children = [psutil.Process(pid) for pid in state["pids"].values()]
    children += [below for child in children for below in child.children(recursive=True)]
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert (await asyncio.to_thread(psutil.wait_procs, children, 15))[1] == []
    (tmp_path / "data" / "postgres" / "cluster" / "postmaster.pid").write_text(f"{os.getpid()}\n", encoding="utf-8")
    with socket.socket() as squatter:  # somebody took the port in the meantime
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", state["ports"]["postgres"]))
        squatter.listen()
        async with Stack(tmp_path / "data", services=()) as again:
            assert again.ports["postgres"] != state["ports"]["postgres"]
            connection = await asyncpg.connect(again.dsn("tracking"))
            await connection.close()


async def test_a_sigterm_stops_everything_in_order(tmp_path: Path) -> None:
    code = textwrap.dedent(f"""
        from pathlib import Path
        from shared.stack.foreground import serve
        from shared.stack.stack import Stack
        serve(Stack(Path({str(tmp_path / "data")!r}), services=()), lambda stack: print("up", flush=True))
    """)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, cwd=ROOT, env=dict(os.environ)
    )
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), 60)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 30) == 0
    log = (tmp_path / "data" / "logs" / "postgres.log").read_text(encoding="utf-8")
    assert "database system is shut down" in log
    assert not (tmp_path / "data" / "postgres" / "cluster" / "postmaster.pid").exists()


async def test_an_initdb_that_was_killed_half_way_does_not_disturb_the_next(tmp_path: Path) -> None:
    half = tmp_path / "cluster.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18", encoding="utf-8")
    postgres = Postgres(tmp_path, free_port(), "secret")
    await postgres.initialise()
    assert (tmp_path / "cluster" / "postgresql.conf").exists()
    assert not half.exists()
    assert not (tmp_path / "password").exists()
    assert "trust" not in [
        line.split()[-1]
        for line in (tmp_path / "cluster" / "pg_hba.conf").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]


async def test_a_cluster_of_another_user_is_refused_with_a_sentence(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    cluster = tmp_path / "cluster"
    cluster.mkdir()
    (cluster / "PG_VERSION").write_text("18", encoding="utf-8")
    os.chown(cluster, 12345, 12345)
    with pytest.raises(BadCluster, match=r"別の利用者が作りました"):
        await Postgres(tmp_path, free_port(), "secret").initialise()


def test_no_two_programs_of_a_stack_are_given_one_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = free_port(), free_port(), free_port()
    drawn = [first, first, second, first, second, third]
    monkeypatch.setattr(random, "randrange", lambda *_: drawn.pop(0))
    stack = Stack(tmp_path)
    stack._wished = {}
    for name in ("tracking", "refurb", "donations"):
        stack.ports[name] = stack._port(name)
    assert stack.ports == {"tracking": first, "refurb": second, "donations": third}
    stack._wished = {"erasure": first}  # another has it now
    drawn.append(first)
    drawn.append(
        free := next(port for port in range(PORT_MIN, PORT_MAX) if is_free(port) and port not in (first, second, third))
    )
    assert stack._port("erasure") == free


async def test_a_port_that_another_stack_is_about_to_listen_on_is_not_taken(tmp_path: Path) -> None:
    port = free_port()
    code = f"from shared.stack.ports import promise; print(promise({port}), flush=True); input()"
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=PIPE, stdout=PIPE)
    assert other.stdout
    assert await other.stdout.readline() == b"True\n"
    stack = Stack(tmp_path)
    stack._wished = {"gateway": port}
    assert is_free(port), "nobody listens yet"
    assert stack._own_port("gateway") != port
    await other.communicate(b"\n")
    stack._wished = {"gateway": port}
    assert stack._own_port("gateway") == stack._own_port("gateway") == port


def test_settings_of_what_is_outside_reach_the_one_service_that_signs_and_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"MEGURU_TSA": "https://tsa.example/", "MEGURU_PKCS11_PIN": "1234", "MEGURU_SMTP_HOST": "mail.example"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert _outside("certificates").items() >= given.items()
    assert _outside("donations") == {"MEGURU_SMTP_HOST": "mail.example"}, "it writes letters and signs nothing"
    assert all(not _outside(service) for service in SERVICES if service not in {"certificates", "donations"})
