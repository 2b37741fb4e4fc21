"""The entry: an event as recorded, and the bytes that stand for it in the ledger and on the wire.

The bytes are made once, when the entry is appended; everything later (hash, log leaf, certificate) is computed from the
stored bytes and never from a re-serialisation (ADR 0001).
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Generic, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json, to_json

from shared.ids import uuid7

E_co = TypeVar("E_co", bound="Event", covariant=True)

SALT_SIZE = 16  # bytes: 128 bits, so that a low-entropy event cannot be guessed from its leaf
CLOCK_SKEW_MAX = timedelta(minutes=5)  # a device's clock further off than this is flagged, not corrected
BODY_SIZE_MAX = 256 * 1024  # bytes of one entry; a message on the bus may be 1 MiB


class Event(BaseModel):
    """What happened, past tense, frozen. A subclass names its `kind`: `<service>.<event>.v<n>`."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    kind: ClassVar[str]
    registry: ClassVar[dict[str, type["Event"]]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Register the event under its kind, so that stored bytes find their class."""
        if "kind" not in cls.__dict__:
            raise TypeError(f"{cls.__name__} has no kind")
        if cls.kind in Event.registry:
            raise TypeError(f"{cls.kind} is named twice")
        Event.registry[cls.kind] = cls


class By(BaseModel):
    """Who did it, as references: the person's id and the party acted for. Names live in the directory."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    person: str
    party: str


class Request(BaseModel):
    """The id the device or the form made, and the digest of what was asked, so that a replay is told from a misuse."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    id: UUID
    digest: str
    clock_off_s: int | None = None  # by how much the device's clock is ahead of ours; said only when it is far off


@dataclass(frozen=True, slots=True)
class Entry(Generic[E_co]):
    """One recorded event with its place and its bytes."""

    id: UUID
    stream: UUID
    sequence: int
    tenant: str
    recorded_at: datetime
    occurred_at: datetime
    by: By
    event: E_co
    body: bytes
    salt: bytes
    request: Request | None = None
    because: UUID | None = None
    traceparent: str | None = None
    replayed: bool = False  # it answered the same request before

    @property
    def kind(self) -> str:
        """The kind of the event, with its version."""
        return self.event.kind

    @property
    def digest(self) -> bytes:
        """SHA-256 of the stored bytes and the salt: what the log holds (ADR 0012)."""
        return digest(self.body, self.salt)

    @classmethod
    def new(
        cls,
        event: E_co,  # type: ignore[misc]  # a classmethod builds, it does not take a wider event in
        *,
        stream: UUID,
        sequence: int,
        tenant: str,
        recorded_at: datetime,
        occurred_at: datetime,
        by: By,
        salt: bytes,
        request: Request | None = None,
        because: UUID | None = None,
        traceparent: str | None = None,
    ) -> Self:
        """Make the entry and its bytes. Raises ValueError when the event is larger than BODY_SIZE_MAX."""
        identifier = uuid7()
        envelope: dict[str, Any] = {
            "id": identifier,
            "stream": stream,
            "sequence": sequence,
            "tenant": tenant,
            "kind": event.kind,
            "recordedAt": moment(recorded_at),
            "occurredAt": moment(occurred_at),
            "by": by,
        }
        if request:
            envelope["request"] = request
        if because:
            envelope["because"] = because
        envelope["data"] = event
        body = to_json(envelope, exclude_none=True)
        if len(body) > BODY_SIZE_MAX:
            raise ValueError(f"an entry may have {BODY_SIZE_MAX} bytes, this one has {len(body)}")
        return cls(
            identifier,
            stream,
            sequence,
            tenant,
            recorded_at,
            occurred_at,
            by,
            event,
            body,
            salt,
            request,
            because,
            traceparent,
        )

    @classmethod
    def read(cls, body: bytes, salt: bytes, traceparent: str | None = None) -> "Entry[Event]":
        """Read an entry from its stored bytes.

        Raises UnknownKind for a kind this code does not know and ValueError for bytes that are no entry.
        """
        envelope = from_json(body)
        kind = envelope["kind"]
        if kind not in Event.registry:
            raise UnknownKind(kind)
        return Entry(
            id=UUID(envelope["id"]),
            stream=UUID(envelope["stream"]),
            sequence=int(envelope["sequence"]),
            tenant=envelope["tenant"],
            recorded_at=datetime.fromisoformat(envelope["recordedAt"]),
            occurred_at=datetime.fromisoformat(envelope["occurredAt"]),
            by=By.model_validate(envelope["by"]),
            event=Event.registry[kind].model_validate(envelope["data"]),
            body=body,
            salt=salt,
            request=Request.model_validate(envelope["request"]) if "request" in envelope else None,
            because=UUID(envelope["because"]) if "because" in envelope else None,
            traceparent=traceparent,
        )


class UnknownKind(ValueError):
    """A kind of event this version does not know: newer than the code, or not ours."""


def digest(body: bytes, salt: bytes) -> bytes:
    """Return what the log holds of an entry: SHA-256(stored bytes ‖ salt)."""
    return hashlib.sha256(body + salt).digest()


def moment(at: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with microseconds, the same for every reader."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
