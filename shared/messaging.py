"""The message door: FastStream carries what `consumers.py` names; what waits shares one transaction.

The handlers of a service are plain `async (tx, entries)` functions that a test can call twice, without a broker. This
module turns them into FastStream subscribers: explicit acknowledgement after the commit, a transient failure is asked
for again later and for ever, and so is a kind that only a newer version knows. Poison and what cannot be read is parked
in a table that a person can see and replay, and then acknowledged.
"""

import asyncio
import json
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from faststream import AckPolicy
from faststream.message import StreamMessage
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.security import SASLPlaintext
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import bell, jetstream
from shared.database import Transaction, is_away, service_transaction, sqlstate
from shared.entry import SALT_SIZE, Entry, Event, UnknownKind
from shared.ledger import LostRace
from shared.long_pull import LongPull
from shared.settings import Settings
from shared.telemetry import branches

log = logging.getLogger(__name__)

BATCH_MAX = 200  # messages that share a transaction, and that one durable may have in hand
POISON_ATTEMPTS_MAX = 3  # an entry fails alone this often before it is parked
RETRY_S = 1.0
UNKNOWN_RETRY_S = 30.0  # a kind this version does not know: a newer one, started meanwhile, takes it

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
    salt: bytes = b""  # only of an entry that could not be read

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
        """Call each function once for each of its kinds, with the messages of that kind in the order of arrival.

        Kinds come in the order of their first message; between kinds the order of arrival is not kept.
        """
        for handler in self.everything:
            await handler(tx, [message for message in messages if isinstance(message, Entry)])
        for kind in dict.fromkeys(message.kind for message in messages):
            for handler in self.handlers.get(kind, ()):
                await handler(tx, [message for message in messages if message.kind == kind])


def transient(failure: BaseException) -> bool:
    """Tell whether the same message may succeed later without anybody's help."""
    state = sqlstate(failure)
    if isinstance(failure, DBAPIError) and not state:
        return True
    return is_away(failure) or state[:2] in ("08", "40", "53", "57") or isinstance(failure, Later | LostRace | OSError)


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
        for message in messages:
            self._failures.pop(message.id, None)
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
        return await self.park(message, failure)

    async def park(self, message: Message, failure: Exception) -> Exception | None:
        """Put a message aside for a person. Returns why it must be asked for again, None when it is parked."""
        reason = _reason(failure)
        log.error("%s of %s is parked: %s", message.kind, message.tenant, reason)
        try:
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
                        "salt": message.salt,
                        "reason": reason,
                    },
                )
        except Exception as worse:  # noqa: BLE001 - not even parked: asked for again
            return worse
        self._failures.pop(message.id, None)
        return None


def _reason(failure: Exception) -> str:
    """Say why in one line; what a field held is not repeated: the reason is also logged."""
    said = repr(failure)
    if isinstance(failure, ValidationError):
        faults = failure.errors(include_url=False, include_context=False, include_input=False)
        said = "; ".join(f"{'/'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults)
    return said.replace("\0", "")[:1000]  # a text of PostgreSQL holds no NUL


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
    """Return the FastStream handler of a pulled batch: it asks again for what failed; the rest is acknowledged.

    Nothing that one message holds may leave it as an exception: FastStream would ask again for the whole batch.
    """

    async def handle(pulled: Sequence[Msg]) -> None:
        read: list[tuple[Msg, Message]] = []
        for raw in pulled:
            try:
                read.append((raw, message_of(raw.subject, raw.data, raw.headers or {})))
            except UnknownKind as newer:
                log.warning("%s waits for a version that knows %s", group.consumers.service, newer)
                await _ask_again(raw, UNKNOWN_RETRY_S)
            except Exception as unreadable:  # noqa: BLE001 - bytes of any shape; the others go on
                if await group.park(_unreadable(raw), unreadable):
                    await _ask_again(raw, RETRY_S)
        if not read:
            return
        followed = [(message.traceparent, _about(message)) for _, message in read]
        with branches(f"{group.consumers.service} consume", followed) as traces:
            messages = [replace(message, traceparent=on) for (_, message), on in zip(read, traces, strict=True)]
            outcomes = await group.commit(messages)
        for (raw, _), failure in zip(read, outcomes, strict=True):
            if failure:
                await _ask_again(raw, RETRY_S)

    return handle


async def _ask_again(raw: Msg, seconds: float) -> None:
    await raw.nak(delay=seconds * (0.5 + random.random()))  # noqa: S311 - jitter


async def _as_it_came(message: StreamMessage[list[Msg]]) -> list[Msg]:
    return message.raw_message


def _about(message: Message) -> dict[str, str | int]:
    about: dict[str, str | int] = {"tenant.code": message.tenant, "event.kind": message.kind}
    if isinstance(message, Entry) and (device := getattr(message.event, "item", None)):
        about["device.id"] = str(device)
    return about


def message_of(subject: str, data: bytes, headers: dict[str, str]) -> Message:
    """Read what came: an entry, a notice or a card of the directory.

    Raises UnknownKind; whatever reading strange bytes raises (ValueError, KeyError, TypeError) for no entry.
    """
    first, _, rest = subject.partition(".")
    if first in ("custody", "replay"):
        salt = bytes.fromhex(headers["ce-salt"])
        if len(salt) != SALT_SIZE:
            raise ValueError(f"a salt has {SALT_SIZE} bytes, this one {len(salt)}: its leaf would be another")
        return Entry.read(data, salt, headers.get("traceparent"))
    tenant, _, kind = rest.partition(".")
    return Notice(
        id=_identifier(subject, data, headers),
        kind="people" if first == "people" else f"notice.{kind}",
        tenant=tenant,
        subject=subject,
        body=data,
        traceparent=headers.get("traceparent"),
    )


def _unreadable(raw: Msg) -> Notice:
    """Say of bytes that could not be read what their headers and their subject tell, for the one who looks."""
    headers = raw.headers or {}
    subject = raw.subject.removeprefix("replay.").partition(".")[2]  # of the service it is replayed to, or of custody
    tenant, _, kind = subject.partition(".")
    if not raw.subject.startswith(("custody.", "replay.")):
        kind = "people" if raw.subject.startswith("people.") else f"notice.{kind}"
    try:
        salt = bytes.fromhex(headers.get("ce-salt", ""))
    except ValueError:
        salt = b""
    kind = headers.get("ce-type", "").removeprefix("jp.meguru.") or kind
    return Notice(_identifier(raw.subject, raw.data, headers), kind, tenant, raw.subject, raw.data, salt=salt)


def _identifier(subject: str, data: bytes, headers: dict[str, str]) -> UUID:
    """Return the message's id; for one that has none (it was replayed) the same each time it is delivered."""
    try:
        return UUID(headers.get("Nats-Msg-Id") or headers["ce-id"])
    except (KeyError, ValueError):
        return uuid5(NAMESPACE_URL, f"{subject} {data.hex()}")
