"""The whole of Meguru on one machine: no root, no containers, one folder, free ports on the loopback address."""

import asyncio
import fcntl
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg

from shared.settings import MAIL_SETTINGS, SIGNING_SETTINGS
from shared.stack.fork import is_there
from shared.stack.gateway import Gateway
from shared.stack.nats import OPERATOR, Nats
from shared.stack.passwords import Passwords, keep_passwords, write_private
from shared.stack.ports import LOOPBACK, free_port, is_free, listens, promise
from shared.stack.postgres import Postgres
from shared.stack.supervisor import DidNotStart, Program, Supervisor

ROOT = Path(__file__).parents[2]
SERVICES = ("tracking", "erasure", "certificates", "refurb", "donations")
FONTS = ROOT / "shared" / "web" / "static" / "vendor" / "fonts"
LOG_ORIGIN = "meguru.localhost/log"
GATEWAY_PORT = 8443  # wished for, so that the address stays the same from run to run; any other when it is taken
PRELOADED = (
    "shared.assembly",
    "shared.worker",
    "shared.blobs",
    "shared.directory",  # and with it the events of all
    "shared.web.forms",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
)
APART = frozenset(
    {"tracking"}
)  # their workers are processes of their own here too: devices wait at the door (ADR 0024)
START_TRIES_MAX = 3
KEEP_ALIVE_S = 75  # above the gateway's: it must never send into a connection that is being closed here
GRACE_S = 10

Step = Callable[["Stack"], Awaitable[None]]


class StackInUse(Exception):
    """Another stack works in the same data folder."""


class Stack:
    """Everything in `folder`; `async with` starts it, and its end stops it in order.

    `services` names the services to run behind the gateway; with none of them only PostgreSQL and NATS start.
    `prepare` is awaited in order when both are ready and before any service starts: migrations, declarations.
    Raises StackInUse, BadCluster or DidNotStart, each with a sentence that says what to do.
    """

    postgres: Postgres
    nats: Nats

    def __init__(
        self,
        folder: Path,
        *,
        services: Sequence[str] = SERVICES,
        prepare: Sequence[Step] = (),
        development_login: bool = False,
        log_origin: str = LOG_ORIGIN,
        gateway_port: int = GATEWAY_PORT,
    ) -> None:
        self.folder = folder.resolve()
        self.services = tuple(services)
        self.ports: dict[str, int] = {}
        self.seconds: dict[str, float] = {}  #: how long each stage of the start took
        self._prepare = tuple(prepare)
        self._development_login = development_login
        self._log_origin = log_origin
        self._gateway_port = gateway_port
        self._nursery = f"meguru-{secrets.token_hex(8)}" if sys.platform == "linux" else None
        self._lock: int | None = None
        self._wished: dict[str, int] = {}
        self._programs: dict[str, Program] = {}
        self._supervisor = Supervisor(self.folder / "logs", self._write_state)

    async def __aenter__(self) -> Self:
        self._claim()
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    @property
    def origin(self) -> str:
        """The one address of the whole: https://localhost:port."""
        return f"https://localhost:{self.ports.get('gateway', self._gateway_port)}"

    @property
    def certificate_authority(self) -> Path:
        """The certificate that a client trusts to speak with `origin`."""
        return Gateway.authority(self.folder / "gateway")

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each program that runs now."""
        return self._supervisor.pids

    @property
    def kept_head(self) -> str:
        """Where the log's last signed head is kept apart from the database, as a URL."""
        return (self.folder / "head").as_uri()

    def environment(self, service: str) -> dict[str, str]:
        """Return the settings of one service; `shared/settings.py` reads the same names."""
        keys, passwords = self.folder / "keys", self._passwords.databases[service]
        return {
            "MEGURU_SERVICE": service,
            "MEGURU_DATABASE_HOST": LOOPBACK,
            "MEGURU_DATABASE_PORT": str(self.ports["postgres"]),
            "MEGURU_DATABASE_NAME": service,
            "MEGURU_OWNER_PASSWORD": passwords["owner"],
            "MEGURU_APP_PASSWORD": passwords["app"],
            "MEGURU_CONSUMER_PASSWORD": passwords["consumer"],
            "MEGURU_NATS_URL": self.nats.url,
            "MEGURU_NATS_USER": service,
            "MEGURU_NATS_PASSWORD": self._passwords.nats[service],
            "MEGURU_BLOBS": (self.folder / "blobs").as_uri(),
            "MEGURU_KEYS": str(keys),
            "MEGURU_JWKS": str(keys / "jwks.json"),
            "MEGURU_ORIGIN": self.origin,
            "MEGURU_OTLP": f"http://{LOOPBACK}:{self.ports['traces']}/v1/traces" if "traces" in self.ports else "",
            "MEGURU_DEVELOPMENT_LOGIN": "1" if self._development_login else "0",
            "MEGURU_FONTS": str(FONTS),
            "MEGURU_LOG_ORIGIN": self._log_origin,
            "MEGURU_KEPT_HEAD": self.kept_head,
            **_outside(service),
        }

    def dsn(self, service: str, role: str = "owner") -> str:
        """Return the address of a service's database with a role's password: owner, app or consumer."""
        secret = self._passwords.databases[service][role]
        return f"postgresql://{service}_{role}:{secret}@{LOOPBACK}:{self.ports['postgres']}/{service}?sslmode=disable"

    def nats_options(self, user: str = OPERATOR) -> dict[str, Any]:
        """Return what `nats.connect` needs to come in as this user."""
        return {
            "servers": self.nats.url,
            "user": user,
            "password": self._passwords.nats[user],
            "inbox_prefix": f"_INBOX_{user}".encode(),
        }

    async def connect(self, database: str) -> asyncpg.Connection:
        """Open a superuser's connection to a service's database, to look at what no role may see."""
        return await self.postgres.connect(database)

    async def renew_database(self, service: str) -> None:
        """Make a service's database new and empty, with its roles. For tests."""
        await self.postgres.remove(service)
        if service == "tracking":  # a log that begins anew has no head to lead to
            await asyncio.to_thread(shutil.rmtree, self.folder / "head", ignore_errors=True)
        await self.postgres.provide({service: self._passwords.databases[service]})

    async def stop_nats(self) -> None:
        """Take the bus away; what it stored stays."""
        await self.stop("nats")

    async def start_nats(self) -> None:
        """Bring the bus back on the same port, ready when this returns."""
        await self.start("nats")

    async def stop(self, name: str) -> None:
        """Stop one program in good order; it stays down until `start`."""
        await self._supervisor.stop(name)

    async def start(self, name: str) -> None:
        """Start a program that `stop` stopped, on the same port, ready when this returns."""
        await self._supervisor.start(self._programs[name])

    async def restart(self, name: str) -> None:
        """Stop one program in good order and start it again."""
        await self.stop(name)
        await self.start(name)

    def kill(self, name: str) -> int:
        """Send SIGKILL to one program, which the supervisor then restarts, and return the id that died."""
        return self._supervisor.kill(name)

    async def settled(self, name: str) -> None:
        """Return when the program is ready again after a `kill`."""
        await self._supervisor.settled(name)

    def restarts(self, name: str) -> int:
        """How often a program had to be started again."""
        return self._supervisor.restarts(name)

    def _claim(self) -> None:
        """Lock the data folder for this process; the kernel gives it back however the process ends."""
        for part in (".", "postgres", "nats", "gateway", "blobs", "keys", "logs"):
            (self.folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.folder / "stack.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as taken:
            os.close(lock)
            raise StackInUse(
                f"データフォルダー {self.folder} は、動作中の別のめぐるが使っています。"
                "それを止めるか、別のフォルダーを選んでください。"
                f" {self.folder} is in use by a running stack: stop it or choose another folder."
            ) from taken
        self._lock = lock

    async def _start(self) -> None:
        self._passwords: Passwords = keep_passwords(self.folder / "secrets.json", SERVICES)
        self._wished = {"gateway": self._gateway_port, **self._ports_last_time()}
        await self._timed("postgres", self._start_postgres())
        await self._timed("nats", self._start_nats())
        if self.services:
            self.ports["gateway"] = self._own_port("gateway")
            await _together(
                self._timed("nursery", self._start_nursery()),
                self._timed("prepare", self._run_prepare()),
            )
            await self._timed("traces", self._start_on_free_port("traces", self._traces))
            await self._timed("services", self._start_services())
            # it stops together with the services: it waits for the open pages, and they let them go
            await self._timed("gateway", self._start_on_free_port("gateway", self._gateway, "services"))
        else:
            await self._timed("prepare", self._run_prepare())
        self._write_state()

    async def _run_prepare(self) -> None:
        for step in self._prepare:
            await step(self)

    async def _start_postgres(self) -> None:
        def program(port: int) -> Program:
            self.postgres.port = port
            return self.postgres.program()

        self.postgres = Postgres(self.folder / "postgres", 0, self._passwords.superuser)
        await self.postgres.initialise()
        await self._start_on_free_port("postgres", program)
        await self.postgres.provide(self._passwords.databases)

    async def _start_nats(self) -> None:
        def program(port: int) -> Program:
            self.ports["nats-monitoring"] = self._port("nats-monitoring")
            self.nats = Nats(self.folder / "nats", port, self.ports["nats-monitoring"], self._passwords.nats)
            return self.nats.program()

        await self._start_on_free_port("nats", program)

    async def _start_nursery(self) -> None:
        if self._nursery is None:
            return
        command = (sys.executable, "-m", "shared.stack.nursery", self._nursery, *PRELOADED)
        ready = partial(is_there, self._nursery)
        self._programs["nursery"] = Program("nursery", command, ready, ROOT, _environment({}))
        await self._supervisor.start(self._programs["nursery"])

    async def _start_services(self) -> None:
        programs = {name: partial(self._service, name) for name in self.services}
        programs |= {f"{name}-worker": partial(self._worker, name) for name in self.services if name in APART}
        await _together(*(self._start_on_free_port(name, one, "services") for name, one in programs.items()))

    async def _start_on_free_port(self, name: str, program: Callable[[int], Program], stage: str | None = None) -> None:
        """Start a program on the port it had last time or a free one; somebody may take it in between: then another."""
        for tries_left in reversed(range(START_TRIES_MAX)):
            self.ports[name] = self.ports.get(name) or self._port(name)
            self._programs[name] = program(self.ports[name])
            try:
                await self._supervisor.start(self._programs[name], stage)
            except DidNotStart:
                if not tries_left or is_free(self.ports[name]):
                    raise
                del self.ports[name]
            else:
                return

    def _port(self, name: str) -> int:
        """Return the port it had last time or a free one, never one of another program of this stack.

        Programs start at once: what one was given, but does not listen on yet, still looks free to the next.
        """
        others = {port for ports in (self._wished, self.ports) for other, port in ports.items() if other != name}
        return free_port(self._wished.get(name), others)

    def _own_port(self, name: str) -> int:
        """Return a port that no other stack of this machine is about to listen on."""
        while not promise(port := self._port(name)):
            self._wished.pop(name, None)
        return port

    def _service(self, name: str, port: int) -> Program:
        role = {"MEGURU_ROLE": "api"} if name in APART else {}
        return self._uvicorn(name, f"services.{name}.app:app", port, self.environment(name) | role)

    def _worker(self, name: str, port: int) -> Program:
        settings = self.environment(name) | {"MEGURU_ROLE": "worker"}
        return self._uvicorn(f"{name}-worker", f"services.{name}.worker:app", port, settings)

    def _traces(self, port: int) -> Program:
        return self._uvicorn("traces", "shared.stack.traces:app", port, {})

    def _gateway(self, port: int) -> Program:
        upstreams = {name: self.ports[name] for name in (*self.services, "traces")}
        return Gateway(self.folder / "gateway", self.folder / "logs", port, upstreams).program()

    def _uvicorn(self, name: str, app: str, port: int, settings: dict[str, str]) -> Program:
        """Return a Python server; it listens only after its lifespan has started, so listening is being ready."""

        async def ready() -> bool:
            return await listens(port)

        arguments = (
            f"-m uvicorn {app} --host {LOOPBACK} --port {port} --no-access-log --loop uvloop --http httptools "
            f"--timeout-keep-alive {KEEP_ALIVE_S} --timeout-graceful-shutdown {GRACE_S}"
        )
        return Program(
            name=name,
            command=(sys.executable, *arguments.split()),
            ready=ready,
            folder=ROOT,
            environment=_environment(settings),
            port=port,
            nursery=self._nursery,
        )

    async def _timed(self, stage: str, work: Awaitable[None]) -> None:
        started = time.perf_counter()
        await work
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started

    async def _stop(self) -> None:
        await self._supervisor.stop_all()
        self._write_state()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _ports_last_time(self) -> dict[str, int]:
        try:
            return dict(json.loads((self.folder / "stack.json").read_text(encoding="utf-8"))["ports"])
        except (OSError, ValueError, KeyError, TypeError):  # first run, or a file that somebody edited
            return {}

    def _write_state(self) -> None:
        """Write who runs where, for people and for tools; it holds no secret."""
        if self._lock is None:
            return
        state = {
            "supervisor": os.getpid(),
            "origin": self.origin if "gateway" in self.ports else None,
            "ports": self._wished | self.ports,
            "pids": self.pids,
        }
        write_private(self.folder / "stack.json", json.dumps(state, indent=1))


def _outside(service: str) -> dict[str, str]:
    """Return the settings of mail server, time stamps and signing device as whoever starts the stack gave them.

    They are for the services that write, and for the one that signs.
    """
    wanted = {"certificates": (*MAIL_SETTINGS, *SIGNING_SETTINGS), "donations": MAIL_SETTINGS}.get(service, ())
    given = ((name, os.environ.get(name)) for name in wanted)
    return {name: value for name, value in given if value}


def _environment(settings: dict[str, str]) -> dict[str, str]:
    """Return what a Python program sees: this process's own variables, but no setting of ours that is not given."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MEGURU_")}
    return {**inherited, "PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2", **settings}


async def _together(*works: Awaitable[None]) -> None:
    """Await all, and only when none is under way any more raise what the first of them raised."""
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
