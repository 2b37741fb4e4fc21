"""The streams and durables: one idempotent command declares them, drift is refused, a service may create nothing."""

import json
from collections.abc import AsyncIterator
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from shared import jetstream
from shared.jetstream import DURABLES, STREAMS, Drift, declare, of, refuse_drift
from shared.settings import SERVICES
from shared.stack.stack import Stack


@pytest.fixture
async def operator(servers: Stack) -> AsyncIterator[Client]:
    client = await nats.connect(**servers.nats_options())
    yield client
    await declare(client)  # whatever the test did
    await client.close()


async def ask(client: Client, what: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await client.request(f"$JS.API.{what}", json.dumps(request).encode() if request else b"", timeout=3)
    return dict(json.loads(answer.data))


async def everything(client: Client) -> dict[str, Any]:
    streams = {one.name: (await ask(client, f"STREAM.INFO.{one.name}"))["config"] for one in STREAMS}
    durables = {one.name: (await ask(client, f"CONSUMER.INFO.{one.stream}.{one.name}"))["config"] for one in DURABLES}
    return {"streams": streams, "durables": durables}


async def test_declaring_twice_changes_nothing(operator: Client) -> None:
    await declare(operator)
    once = await everything(operator)
    created = [(await ask(operator, f"STREAM.INFO.{one.name}"))["created"] for one in STREAMS]
    await declare(operator)
    assert await everything(operator) == once
    assert [(await ask(operator, f"STREAM.INFO.{one.name}"))["created"] for one in STREAMS] == created


async def test_the_server_has_what_the_file_says(operator: Client) -> None:
    there = await everything(operator)
    for stream in STREAMS:
        wanted = stream.configuration(1)
        assert {key: there["streams"][stream.name][key] for key in wanted if key in there["streams"][stream.name]} == {
            key: value for key, value in wanted.items() if key in there["streams"][stream.name]
        }
    for name in ("CUSTODY", "NOTICE"):
        assert there["streams"][name]["deny_delete"]
        assert there["streams"][name]["deny_purge"]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_as_declared_starts(operator: Client, service: str) -> None:
    await refuse_drift(operator, service)
    assert {one.name for one in of(service)} >= {service, f"{service}-replay"}
    assert all(
        subject.split(".")[0] in ("custody", "notice", "people", "replay")
        for d in of(service)
        for subject in d.subjects
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ack_wait": 30 * jetstream.SECOND_NS}, "ack_wait"),
        ({"max_ack_pending": 7}, "max_ack_pending"),
        ({"filter_subjects": ["custody.*.tracking.received.v1"]}, "other subjects"),
    ],
)
async def test_a_durable_that_differs_is_refused_with_what_to_do(
    operator: Client, change: dict[str, Any], said: str
) -> None:
    (durable,) = (one for one in DURABLES if one.name == "refurb")
    changed = {"stream_name": durable.stream, "config": durable.configuration(1) | change, "action": ""}
    assert "error" not in await ask(operator, f"CONSUMER.CREATE.{durable.stream}.{durable.name}", changed)
    with pytest.raises(Drift, match=said) as drift:
        await refuse_drift(operator, "refurb")
    assert "meguru streams" in str(drift.value)
    await declare(operator)
    await refuse_drift(operator, "refurb")


async def test_a_durable_that_is_missing_is_refused_and_not_made(operator: Client) -> None:
    assert (await ask(operator, "CONSUMER.DELETE.CUSTODY.donations"))["success"]
    with pytest.raises(Drift, match="missing"):
        await refuse_drift(operator, "donations")
    assert (await ask(operator, "CONSUMER.INFO.CUSTODY.donations"))["error"]["code"] == 404
    await declare(operator)
    await refuse_drift(operator, "donations")


@pytest.mark.parametrize(
    "what",
    [
        "STREAM.CREATE.MINE",
        "STREAM.DELETE.CUSTODY",
        "STREAM.PURGE.CUSTODY",
        "STREAM.UPDATE.CUSTODY",
        "CONSUMER.CREATE.CUSTODY.mine",
        "CONSUMER.DELETE.CUSTODY.tracking",
        "CONSUMER.MSG.NEXT.CUSTODY.tracking",
    ],
)
async def test_a_service_may_create_change_or_take_nothing_of_another(
    servers: Stack, operator: Client, what: str
) -> None:
    complaints: list[str] = []

    async def complain(failure: Exception) -> None:
        complaints.append(str(failure).lower())

    before = await everything(operator)
    service = await nats.connect(**servers.nats_options("refurb"), error_cb=complain)
    with pytest.raises(nats.errors.Error):
        await service.request(
            f"$JS.API.{what}", json.dumps({"name": "MINE", "subjects": ["mine"]}).encode(), timeout=0.5
        )
    await service.flush()
    await service.close()
    assert any("permissions violation" in one for one in complaints)
    assert await everything(operator) == before


async def test_no_service_but_the_owner_speaks_in_the_name_of_another(servers: Stack, operator: Client) -> None:
    service = await nats.connect(**servers.nats_options("refurb"), error_cb=_quiet)
    before = (await ask(operator, "STREAM.INFO.CUSTODY"))["state"]["messages"]
    with pytest.raises(nats.errors.Error):
        await service.request("custody.town-063622.tracking.received.v1", b"{}", timeout=0.5)
    await service.close()
    assert (await ask(operator, "STREAM.INFO.CUSTODY"))["state"]["messages"] == before


async def _quiet(_failure: Exception) -> None:
    """The server's complaint is what the test expects."""
