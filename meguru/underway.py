"""What is under way to the log: entries that the bus holds and that tracking has not taken yet."""

from collections.abc import Mapping
from uuid import UUID

import nats
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from shared.entry import digest
from shared.jetstream import DURABLES
from shared.stack.stack import Stack

PORTION = 500  # messages held at once
ANSWER_S = 10.0  # the bus answers well within this


async def on_the_bus(stack: Stack, wanted: Mapping[UUID, bytes]) -> set[UUID]:
    """Return which of these entries, with these very digests, wait on the bus for tracking to take them.

    A message there says no more than it holds: that something waits is no sign that this entry does.
    """
    found: set[UUID] = set()
    client = await nats.connect(**stack.nats_options(), max_reconnect_attempts=1)
    try:
        bus = client.jetstream()
        for durable in (one for one in DURABLES if one.name in {"tracking", "tracking-replay"}):
            info = await bus.consumer_info(durable.stream, durable.name)
            left = (info.num_pending or 0) + (info.num_ack_pending or 0)
            if not left:
                continue
            since = ConsumerConfig(
                filter_subjects=list(durable.subjects),
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=(info.ack_floor.stream_seq if info.ack_floor else 0) + 1,
                ack_policy=AckPolicy.NONE,
                mem_storage=True,
            )
            reading = await bus.pull_subscribe("", stream=durable.stream, config=since)
            while left:
                messages = await reading.fetch(PORTION, timeout=ANSWER_S)
                found |= {entry for message in messages if (entry := _carried(message)) and _is(message, wanted, entry)}
                left = messages[-1].metadata.num_pending
    finally:
        await client.close()
    return found


def _carried(message: Msg) -> UUID | None:
    try:
        return UUID((message.headers or {}).get("ce-id", ""))
    except ValueError:  # no entry of ours
        return None


def _is(message: Msg, wanted: Mapping[UUID, bytes], entry: UUID) -> bool:
    """Tell whether the message is the wanted entry, byte for byte."""
    try:
        salt = bytes.fromhex((message.headers or {}).get("ce-salt", ""))
    except ValueError:
        return False
    return digest(message.data, salt) == wanted.get(entry)
