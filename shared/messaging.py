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
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import UUID, uuid4

from faststream import AckPolicy
from faststream.message import StreamMessage
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.security import SASLPlaintext
from nats.aio.msg import Msg
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
from shared.telemetry import aside

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
class GroupCommit:
    """What arrives together shares one transaction; when that fails, each message alone; poison is parked."""

    engine: AsyncEngine
    consumers: Consumers
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)  # one process never fights with itself over a row
    _failures: dict[UUID, int] = field(default_factory=dict)

    async def commit(self, messages: Sequence[Message]) -> list[Exception | None]:
        """Commit the effects of all messages. Returns for each why it must be asked for again; None: done or parked."""
        async with self._alone:
            try:
                await self._transact(messages)
            except Exception as failure:  # noqa: BLE001 - whatever it was, each message is tried alone and judged
                if len(messages) == 1:
                    return [await self._judge(messages[0], failure)]
                return [await self._by_itself(message) for message in messages]
            return [None] * len(messages)

    async def _transact(self, messages: Sequence[Message]) -> None:
        async with service_transaction(self.engine, self.consumers.service) as tx:
            await self.consumers.handle(tx, messages)
        bell.ring()

    async def _by_itself(self, message: Message) -> Exception | None:
        try:
            await self._transact([message])
        except Exception as failure:  # noqa: BLE001 - judged below
            return await self._judge(message, failure)
        return None

    async def _judge(self, message: Message, failure: Exception) -> Exception | None:
        if transient(failure):
            return failure
        log.error("%s could not take %s", self.consumers.service, message.kind, exc_info=failure)
        failures = self._failures[message.id] = self._failures.get(message.id, 0) + 1
        if failures < POISON_ATTEMPTS_MAX:
            return failure
        try:
            await self._park(message, failure)
        except Exception as worse:  # noqa: BLE001 - not even parked: asked for again
            return worse
        del self._failures[message.id]
        return None

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


def broker(settings: Settings, group: GroupCommit) -> NatsBroker:
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
        apply_types=False,  # entries are read by `Entry.read`; the injection would send each batch through a thread
    )
    for durable in jetstream.of(settings.service):
        subscriber = built.subscriber(
            durable.subjects[0],
            durable=durable.name,
            stream=JStream(durable.stream, declare=False),
            pull_sub=PullSub(batch_size=BATCH_MAX, batch=True),
            config=ConsumerConfig(filter_subjects=list(durable.subjects)),
            ack_policy=AckPolicy.NACK_ON_ERROR,
            inbox_prefix=inbox.encode(),
            decoder=_as_it_came,
        )
        subscriber.__class__ = LongPull  # see long_pull.py: one request at a time
        subscriber(handler(group))
    return built


def handler(group: GroupCommit) -> Callable[[Sequence[Msg]], Awaitable[None]]:
    """Return the FastStream handler of a pulled batch: it asks again for what failed; the rest is acknowledged."""

    async def handle(pulled: Sequence[Msg]) -> None:
        with ExitStack() as spans:
            read = [(raw, message) for raw in pulled if (message := _read(raw, group.consumers.service, spans))]
            outcomes = await group.commit([message for _, message in read]) if read else []
        for (raw, _), failure in zip(read, outcomes, strict=True):
            if failure:
                await raw.nak(delay=RETRY_S * (0.5 + random.random()))  # noqa: S311 - jitter

    return handle


async def _as_it_came(message: StreamMessage[list[Msg]]) -> list[Msg]:
    return message.raw_message


def _read(raw: Msg, service: str, spans: ExitStack) -> Message | None:
    """Read a message and open its span, in its own trace; None for a kind that this version does not know."""
    headers = raw.headers or {}
    try:
        message = message_of(raw.subject, raw.data, headers)
    except UnknownKind:
        log.warning("%s ignores an event it does not know: %s", service, headers.get("ce-type"))
        return None
    about = {"tenant.code": message.tenant, "event.kind": message.kind}
    if isinstance(message, Entry) and (device := getattr(message.event, "item", None)):
        about["device.id"] = str(device)
    trace = spans.enter_context(aside(f"{service} consume", parent=message.traceparent, **about))
    return replace(message, traceparent=trace or message.traceparent)


def message_of(subject: str, data: bytes, headers: dict[str, str]) -> Message:
    """Read what came: an entry, a notice or a card of the directory. Raises UnknownKind; ValueError for no entry."""
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
