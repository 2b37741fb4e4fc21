"""The message door: FastStream carries what `consumers.py` names; what waits shares one transaction.

The handlers of a service are plain `async (tx, entries)` functions that a test can call twice, without a broker. This
module turns them into FastStream subscribers: explicit acknowledgement after the commit, a transient failure is asked
for again later and for ever, poison is parked in a table that a person can see and replay, and then acknowledged.
"""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import UUID, uuid4

from faststream import AckPolicy
from faststream.exceptions import NackMessage
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.annotations import NatsMessage
from faststream.security import SASLPlaintext
from nats.js.api import ConsumerConfig
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import bell, jetstream
from shared.database import Transaction, service_transaction
from shared.entry import Entry, Event, UnknownKind
from shared.ledger import LostRace
from shared.long_pull import LongPull
from shared.settings import Settings
from shared.telemetry import span, traceparent

log = logging.getLogger(__name__)

BATCH_MAX = 200  # messages that share a transaction, and that one durable may have in hand
POISON_ATTEMPTS_MAX = 3  # an entry fails alone this often before it is parked
RETRY_S = 1.0

E = TypeVar("E", bound=Event)
Handler = Callable[[Transaction, Sequence[Any]], Awaitable[None]]


class Later(Exception):
    """The handler needs something that has not come yet: come back later. Never parked."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that is no entry: a notice or a card of the directory. An empty body is a tombstone."""

    id: UUID
    kind: str  # what the handler is named for: "notice.tracking.logged.v1", "people"
    tenant: str
    subject: str
    body: bytes
    traceparent: str | None = None

    @property
    def data(self) -> Any:
        """The body as JSON, None for a tombstone."""
        return json.loads(self.body) if self.body else None


Message = Entry[Event] | Notice


@dataclass(slots=True)
class Consumers:
    """Which events a service listens to, and the function for each."""

    service: str
    handlers: dict[str, list[Handler]] = field(default_factory=dict)
    everything: list[Handler] = field(default_factory=list)

    def on(self, *events: type[Event]) -> Callable[[Handler], Handler]:
        """Name the function for one or more kinds of event."""

        def register(handler: Handler) -> Handler:
            for event in events:
                self.handlers.setdefault(event.kind, []).append(handler)
            return handler

        return register

    def on_notice(self, kind: str) -> Callable[[Handler], Handler]:
        """Name the function for a notice (`notice.tracking.logged.v1`) or for the directory (`people`)."""

        def register(handler: Handler) -> Handler:
            self.handlers.setdefault(kind, []).append(handler)
            return handler

        return register

    def on_everything(self, handler: Handler) -> Handler:
        """Name a function that gets every entry, whatever its kind."""
        self.everything.append(handler)
        return handler

    async def handle(self, tx: Transaction, messages: Sequence[Message]) -> None:
        """Call each function once with all its messages, in the order of arrival."""
        for handler in self.everything:
            await handler(tx, [message for message in messages if isinstance(message, Entry)])
        for kind in dict.fromkeys(message.kind for message in messages):
            for handler in self.handlers.get(kind, ()):
                await handler(tx, [message for message in messages if message.kind == kind])


def transient(failure: BaseException) -> bool:
    """Tell whether the same message may succeed later without anybody's help."""
    if isinstance(failure, DBAPIError):
        state = str(getattr(failure.orig, "sqlstate", "") or "")
        return failure.connection_invalidated or state[:2] in ("08", "40", "53", "57") or not state
    return isinstance(failure, Later | LostRace | OSError | TimeoutError)


@dataclass(slots=True)
class Batch:
    """What waits shares one transaction; on failure each message alone; poison is parked."""

    engine: AsyncEngine
    consumers: Consumers
    _waiting: "asyncio.Queue[tuple[Message, asyncio.Future[None]]]" = field(default_factory=asyncio.Queue)
    _failures: dict[UUID, int] = field(default_factory=dict)

    async def commit(self, message: Message) -> None:
        """Return when the effects of the message are committed (or it is parked). Raises what is transient."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((message, done))
        await done

    async def run(self) -> None:
        """Take what waits, for ever."""
        while True:
            taken = [await self._waiting.get()]
            while len(taken) < BATCH_MAX and not self._waiting.empty():
                taken.append(self._waiting.get_nowait())
            try:
                await self._transact([message for message, _ in taken])
            except Exception as failure:  # noqa: BLE001 - whatever it was, each message is tried alone and judged
                if len(taken) == 1:
                    await self._judge(*taken[0], failure)
                else:
                    for message, done in taken:
                        await self._alone(message, done)
            else:
                for _, done in taken:
                    _settle(done)

    async def _transact(self, messages: Sequence[Message]) -> None:
        async with service_transaction(self.engine, self.consumers.service) as tx:
            await self.consumers.handle(tx, messages)
        bell.ring()

    async def _alone(self, message: Message, done: "asyncio.Future[None]") -> None:
        try:
            await self._transact([message])
        except Exception as failure:  # noqa: BLE001 - judged below
            await self._judge(message, done, failure)
        else:
            _settle(done)

    async def _judge(self, message: Message, done: "asyncio.Future[None]", failure: BaseException) -> None:
        if not transient(failure):
            failures = self._failures[message.id] = self._failures.get(message.id, 0) + 1
            if failures >= POISON_ATTEMPTS_MAX:
                try:
                    await self._park(message, failure)
                except Exception as worse:  # noqa: BLE001 - not even parked: asked for again
                    failure = worse
                else:
                    del self._failures[message.id]
                    _settle(done)
                    return
        if not done.done():
            done.set_exception(failure)

    async def _park(self, message: Message, failure: BaseException) -> None:
        log.error("%s of %s is parked: %r", message.kind, message.tenant, failure)
        async with self.engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO parked (id, kind, tenant, body, salt, reason) "
                    "VALUES (:id, :kind, :tenant, :body, :salt, :reason) ON CONFLICT DO NOTHING"
                ),
                {
                    "id": message.id,
                    "kind": message.kind,
                    "tenant": message.tenant,
                    "body": message.body,
                    "salt": message.salt if isinstance(message, Entry) else b"",
                    "reason": repr(failure)[:1000],
                },
            )


def broker(settings: Settings, consumers: Consumers, batch: Batch) -> NatsBroker:
    """Build the FastStream broker of a service: one subscriber for each of its durables, all declared elsewhere."""
    inbox = f"_INBOX_{settings.service}"
    built = NatsBroker(
        settings.nats_url,
        security=SASLPlaintext(settings.nats_user, settings.nats_password.get_secret_value()),
        inbox_prefix=inbox,
        name=settings.service,
        max_reconnect_attempts=-1,  # a finite count starves the event loop for ever once it is spent
        reconnect_time_wait=1,
        graceful_timeout=25,
        pending_size=64 * 1024 * 1024,
        logger=None,
    )
    for durable in jetstream.of(settings.service):
        subscriber = built.subscriber(
            durable.subjects[0],
            durable=durable.name,
            stream=JStream(durable.stream, declare=False),
            pull_sub=PullSub(batch_size=BATCH_MAX),
            config=ConsumerConfig(filter_subjects=list(durable.subjects)),
            ack_policy=AckPolicy.NACK_ON_ERROR,
            inbox_prefix=inbox.encode(),
            decoder=lambda message: message,
        )
        subscriber.__class__ = LongPull  # see long_pull.py: one request at a time
        subscriber(_handler(consumers, batch))
    return built


def _handler(consumers: Consumers, batch: Batch) -> Callable[[NatsMessage], Awaitable[None]]:
    async def handle(message: NatsMessage) -> None:
        raw = message.raw_message
        headers = raw.headers or {}
        with span(f"{consumers.service} consume", parent=headers.get("traceparent")) as current:
            try:
                read = _read(raw.subject, raw.data, headers)
            except UnknownKind:
                log.warning("%s ignores an event it does not know: %s", consumers.service, headers.get("ce-type"))
                return
            current.set_attributes({"tenant.code": read.tenant, "event.kind": read.kind})
            if isinstance(read, Entry) and (device := getattr(read.event, "item", None)):
                current.set_attribute("device.id", str(device))
            try:
                await batch.commit(replace(read, traceparent=traceparent() or read.traceparent))
            except Exception as failure:
                if not transient(failure):
                    log.exception("%s could not take %s", consumers.service, read.kind)
                raise NackMessage(delay=RETRY_S * (0.5 + random.random())) from failure  # noqa: S311 - jitter

    return handle


def _read(subject: str, data: bytes, headers: dict[str, str]) -> Message:
    first, _, rest = subject.partition(".")
    if first in ("custody", "replay"):
        return Entry.read(data, bytes.fromhex(headers["ce-salt"]), headers.get("traceparent"))
    tenant, _, kind = rest.partition(".")
    return Notice(
        id=UUID(headers["Nats-Msg-Id"]) if "Nats-Msg-Id" in headers else uuid4(),
        kind="people" if first == "people" else f"notice.{kind}",
        tenant=tenant,
        subject=subject,
        body=data,
        traceparent=headers.get("traceparent"),
    )


def _settle(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)
