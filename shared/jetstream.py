"""The JetStream streams and durables: declared here and nowhere else, by one idempotent command (`meguru streams`).

Settings are the ones that held when things were broken on purpose (docs/operations.md). A service never creates a
stream or a durable; it refuses to start when its own differs from this file.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client

DAY_S = 86_400
SECOND_NS = 1_000_000_000
ACK_WAIT_S = 10
NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class JetStream:
    """A JetStream stream."""

    name: str
    subjects: tuple[str, ...]
    days: int
    bytes_max: int
    last_only: bool = False  # one message a subject: a directory, not a history
    deletable: bool = False

    def configuration(self, replicas: int) -> dict[str, Any]:
        """Return the server's form of it."""
        return {
            "name": self.name,
            "subjects": list(self.subjects),
            "retention": "limits",
            "storage": "file",
            "num_replicas": replicas,
            "discard": "new" if not self.last_only else "old",
            "max_age": self.days * DAY_S * SECOND_NS,
            "max_bytes": self.bytes_max,
            "max_msgs_per_subject": 1 if self.last_only else -1,
            "max_msgs": -1,
            "max_consumers": -1,
            "max_msg_size": 1024 * 1024,
            "duplicate_window": 3600 * SECOND_NS,
            "deny_delete": not self.deletable,
            "deny_purge": not self.deletable,
            "allow_rollup_hdrs": self.deletable,
            "allow_direct": True,
            "allow_atomic": True,
        }


@dataclass(frozen=True, slots=True)
class Durable:
    """A durable consumer: one service's place in a JetStream stream."""

    name: str
    stream: str
    subjects: tuple[str, ...]
    pending_max: int = 2000

    def configuration(self, replicas: int) -> dict[str, Any]:
        """Return the server's form of it."""
        return {
            "durable_name": self.name,
            "name": self.name,
            "filter_subjects": list(self.subjects),
            "ack_policy": "explicit",
            "ack_wait": ACK_WAIT_S * SECOND_NS,
            "max_deliver": -1,
            "max_ack_pending": self.pending_max,
            "deliver_policy": "all",
            "replay_policy": "instant",
            "num_replicas": replicas,
        }


GIB = 1024**3
STREAMS = (
    JetStream("CUSTODY", ("custody.>",), days=60, bytes_max=8 * GIB),
    JetStream("NOTICE", ("notice.>",), days=30, bytes_max=1 * GIB),
    JetStream("PEOPLE", ("people.>",), days=3650, bytes_max=1 * GIB, last_only=True, deletable=True),
    JetStream("REPLAY", ("replay.>",), days=7, bytes_max=4 * GIB, deletable=True),
    JetStream("INTAKE", ("itad.>",), days=30, bytes_max=1 * GIB),
)

_DIRECTORY = (
    "custody.*.tracking.party-added.v1",
    "custody.*.tracking.engagement-opened.v1",
    "custody.*.tracking.engagement-ended.v1",
    "custody.*.tracking.item-registered.v1",
    "custody.*.tracking.label-bound.v1",
    "custody.*.tracking.corrected.v1",
    "custody.*.tracking.medium-corrected.v1",
    "custody.*.tracking.requirement-changed.v1",
)


def _custody(*events: str) -> tuple[str, ...]:
    return tuple(f"custody.*.{event}" for event in events)


DURABLES = (
    Durable("tracking", "CUSTODY", ("custody.>",)),
    Durable(
        "erasure",
        "CUSTODY",
        (
            *_DIRECTORY,
            *_custody(
                "tracking.shipped-out.v1",
                "tracking.received.v1",
                "tracking.exception-approved.v1",
            ),
        ),
    ),
    Durable(
        "certificates",
        "CUSTODY",
        (
            *_DIRECTORY,
            *_custody(
                "tracking.policy-set.v1",
                "tracking.received.v1",
                "tracking.exception-approved.v1",
                "tracking.custody-closed.v1",
                "erasure.medium-erased.v1",
                "erasure.erasure-failed.v1",
                "erasure.erasure-verified.v1",
                "erasure.lot-reopened.v1",
                "erasure.lot-settled.v1",
                "erasure.witness-recorded.v1",
                "erasure.medium-destroyed.v1",
            ),
        ),
    ),
    Durable(
        "refurb",
        "CUSTODY",
        (
            *_DIRECTORY,
            *_custody(
                "tracking.reuse-candidate-named.v1",
                "tracking.recycling-chosen.v1",
                "tracking.medium-cleared.v1",
                "tracking.medium-reopened.v1",
                "donations.handed-over.v1",
                "donations.returned.v1",
            ),
        ),
    ),
    Durable(
        "donations",
        "CUSTODY",
        (*_DIRECTORY, *_custody("refurb.ready.v1", "refurb.delivered-to-town.v1", "tracking.taken-over.v1")),
    ),
    Durable("certificates-logged", "NOTICE", ("notice.*.tracking.logged.v1",)),
    Durable("donations-logged", "NOTICE", ("notice.*.tracking.logged.v1",)),
    *(
        Durable(f"{service}-people", "PEOPLE", ("people.>",))
        for service in ("tracking", "erasure", "certificates", "refurb", "donations")
    ),
    *(
        Durable(f"{service}-replay", "REPLAY", (f"replay.{service}.>",))
        for service in ("tracking", "erasure", "certificates", "refurb", "donations")
    ),
)


class Drift(RuntimeError):
    """What the server has differs from what this file says."""


async def declare(nats: Client, *, replicas: int = 1) -> None:
    """Create what is missing and update what differs, as the operator. Running it twice changes nothing."""
    for stream in STREAMS:
        wanted = stream.configuration(replicas)
        answer = await _ask(nats, f"STREAM.UPDATE.{stream.name}", wanted)
        if answer.get("error", {}).get("code") == NOT_FOUND:
            answer = await _ask(nats, f"STREAM.CREATE.{stream.name}", wanted)
        _raise(answer, stream.name)
    for durable in DURABLES:
        request = {"stream_name": durable.stream, "config": durable.configuration(replicas), "action": ""}
        _raise(await _ask(nats, f"CONSUMER.CREATE.{durable.stream}.{durable.name}", request), durable.name)


async def refuse_drift(nats: Client, service: str) -> None:
    """Raise Drift when a durable of this service is missing or differs.

    A missing durable would be created silently with default settings by the client; a changed one is ignored silently.
    Raises ConnectionError, TimeoutError or an error of NATS while JetStream cannot tell: ask again.
    """
    for durable in of(service):
        answer = await _ask(nats, f"CONSUMER.INFO.{durable.stream}.{durable.name}", None)
        if "error" in answer:
            if answer["error"].get("code") != NOT_FOUND:
                raise ConnectionError(f"JetStream is not ready: {answer['error'].get('description')}")
            raise Drift(f"the durable {durable.name} is missing: run `meguru streams`, then start again")
        there = answer["config"]
        wanted = durable.configuration(there.get("num_replicas", 1))
        for key in ("ack_wait", "max_deliver", "max_ack_pending"):
            if there.get(key) != wanted[key]:
                raise Drift(
                    f"the durable {durable.name} has {key}={there.get(key)}, wanted {wanted[key]}: run `meguru streams`"
                )
        filters = there.get("filter_subjects") or [there.get("filter_subject")]
        if sorted(filters) != sorted(wanted["filter_subjects"]):
            raise Drift(f"the durable {durable.name} listens to other subjects: run `meguru streams`")


def of(service: str) -> tuple[Durable, ...]:
    """Return the durables of one service."""
    return tuple(d for d in DURABLES if d.name == service or d.name.startswith(f"{service}-"))


async def _ask(nats: Client, what: str, request: dict[str, Any] | None) -> dict[str, Any]:
    for attempt in range(20):
        try:
            answer = await nats.request(f"$JS.API.{what}", json.dumps(request).encode() if request else b"", timeout=5)
        except Exception:  # JetStream answers nothing while it starts
            if attempt == 19:  # noqa: PLR2004 - the last attempt
                raise
            await asyncio.sleep(0.1)
        else:
            return json.loads(answer.data)  # type: ignore[no-any-return]  # the server's JSON
    raise AssertionError("unreachable")


def _raise(answer: dict[str, Any], name: str) -> None:
    if "error" in answer:
        raise Drift(f"JetStream refused {name}: {answer['error'].get('description', answer['error'])}")
