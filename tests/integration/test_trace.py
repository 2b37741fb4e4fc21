"""One scan is one trace: from the HTTP door through the ledger and the bus to the certificate, in three services."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bench.world import quiet, town
from meguru.founding import PREPARE
from meguru.replay import inputs, pilot, tool_reports
from meguru.replay.acting import scan, until_heard
from meguru.replay.actor import Actor
from meguru.replay.story import TOKYO
from services.tracking.commands.parties import engagement_of
from shared.ids import Label
from shared.stack.stack import Stack
from verifier.keys import Keys
from verifier.revocation_list import Revocations
from verifier.verification import verify_bytes

WAIT_S = 30.0
EXPORTED_S = 1.5  # the exporters' own delay, three times
WANTED = {
    ("erasure", "POST /api/erasure/media/{label}/destructions"),
    ("erasure", "ledger transaction"),
    ("erasure", "relay publish"),
    ("tracking", "tracking consume"),
    ("certificates", "certificates consume"),
    ("certificates", "certificate issue"),
    ("certificates", "certificate render"),
    ("certificates", "certificate sign"),
    ("certificates", "certificate store"),
}
AN_ID = re.compile(r"[0-9a-f]{8}-|town-|centre-|\d{3,}|[0-9A-HJKMNP-TV-Z]{9}\b")


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    folder = tmp_path_factory.mktemp("traced")
    async with Stack(folder, prepare=PREPARE, development_login=True) as running:
        yield running


async def with_span(operator: Actor, item: str, name: str, **more: str) -> list[str]:
    """Return the traces in which a span of this name knows the device."""
    wanted = {"device.id": item, "name": name} | more
    return [trace["trace"] for trace in (await operator.get("/traces/api/traces", **wanted))["traces"]]


async def issued(stack: Stack, operator: Actor, item: str) -> None:
    """Wait until the certificate was stored, and until everybody's spans had time to arrive."""
    deadline = asyncio.get_running_loop().time() + WAIT_S
    while not await with_span(operator, item, "certificate store"):
        if asyncio.get_running_loop().time() > deadline:
            pytest.fail(f"no certificate was stored; {await stations(stack, operator, item)}")
        await asyncio.sleep(0.2)
    await asyncio.sleep(EXPORTED_S)


async def stations(stack: Stack, operator: Actor, item: str) -> str:
    """Tell how far the journey came, in the traces and in the service's own tables."""
    seen = await operator.get("/traces/api/traces", **{"device.id": item})
    connection = await stack.connect("certificates")
    try:
        tables = {
            table: [dict(row) for row in await connection.fetch(f"SELECT {columns} FROM {table}")]  # noqa: S608 - names of this function
            for table, columns in (
                ("certificates", "number, requested_at, issued_at"),
                ("pending", "cited, input_sha256, failure, tried_at"),
                ("proofs", "entry, log_index"),
                ("engagements", "engagement"),
                ("parties", "party"),
                ("parked", "kind, reason"),
            )
        }
    finally:
        await connection.close()
    return f"traces: {seen}; {tables}"


async def test_one_destroy_scan_is_one_trace_across_three_services(stack: Stack, tmp_path: Path) -> None:
    made = await town(stack, tmp_path, 3)
    label = made.labels[0]
    photo = inputs.photo(pilot.machines()[0], "after", datetime.now(TOKYO))
    async with Actor(stack.origin, stack.certificate_authority, "itad-worker") as worker:
        item = (await worker.get(f"/api/tracking/items/{label}"))["item"]
        answer = await worker.upload(
            f"/api/erasure/media/{label}/destructions",
            {"technique": "crush", "machine": "粉砕機1号"},
            [("after", ("after.jpg", photo, "image/jpeg"))],
        )
        assert answer.status == 201, answer.body
    async with Actor(stack.origin, stack.certificate_authority, "operator") as operator:
        await issued(stack, operator, item)
        whole = await with_span(operator, item, "ledger transaction", service="erasure")
        assert len(whole) == 1
        for name in ("certificate issue", "certificate render", "certificate sign", "certificate store"):
            assert await with_span(operator, item, name) == whole, name
        spans = (await operator.get(f"/traces/api/traces/{whole[0]}"))["spans"]
    there = {(span["service"], span["name"]) for span in spans}
    assert there >= WANTED, sorted(WANTED - there)
    others = {span["service"] for span in spans} - {service for service, _ in WANTED}
    assert others <= {"refurb"}  # it hears, in the same journey, that the chassis need not wait for this medium
    about = {(span["attributes"].get("tenant.code"), span["attributes"].get("device.id")) for span in spans}
    assert about == {(pilot.TOWN, item)}
    assert [span["name"] for span in spans if AN_ID.search(span["name"])] == []
    known = {span["span"] for span in spans}
    assert [span["name"] for span in spans if span["parent"] and span["parent"] not in known] == []
    assert sum(not span["parent"] for span in spans) == 1
    assert not any(span["failed"] for span in spans)


async def test_what_is_only_erased_is_closed_by_its_erasure_certificate_and_the_tracking_certificate_follows(
    stack: Stack, tmp_path: Path
) -> None:
    machine = replace(pilot.machines()[0], drive_serial="CHAIN-0001", serial="PC-CHAIN-1", asset_number="R09-0001")
    engagement = str(engagement_of(pilot.TOWN, pilot.CENTRE, pilot.CONTRACT))
    listed = inputs.inventory([machine]).decode("cp932").replace("個人番号利用事務系,3", "LGWAN接続系,2")
    report = tool_reports.session(machine, datetime.now(TOKYO) - timedelta(minutes=10))
    authority = stack.certificate_authority
    async with (
        Actor(stack.origin, authority, "mogami-clerk") as clerk,
        Actor(stack.origin, authority, "itad-worker") as worker,
        Actor(stack.origin, authority, "mogami-admin") as admin,
    ):
        file = [("file", ("list.csv", listed.encode("cp932"), "text/csv"))]
        answer = await clerk.upload("/api/tracking/inventories", {"engagement": engagement}, file)
        assert answer.status == 201, answer.body
        label = answer.body["items"][0]["label"]
        await quiet(stack)
        file = [("file", ("r.json", report, "application/json"))]
        answer = await worker.upload("/api/erasure/reports", {"engagement": engagement, "place": "on-site"}, file)
        assert answer.status in (200, 201), answer.body
        number = f"E-{Label(label)}"

        async def states() -> dict[str, str]:
            told = await clerk.get("/api/certificates", item=label)
            return {one["number"]: one["state"] for one in told["certificates"]}

        await until_heard(states, lambda told: told == {number: "issued"})
        story = (await clerk.get(f"/api/tracking/items/{label}"))["story"]
        assert "tracking.custody-closed.v1" not in {one["kind"] for one in story}, "it has not arrived yet"
        answer = await admin.ask(f"/api/certificates/{number}/validations", {"accepted": True})
        assert answer.status == 201, answer.body
        await scan(worker, "received", [label])
        tracking = f"T-{Label(label)}"
        await until_heard(states, lambda told: told.get(tracking) == "issued")
        credential = await clerk.get(f"/certificates/{tracking}.json")
        answer = await clerk.ask("/api/certificates/lots", {"engagement": engagement, "items": [label]})
        assert answer.status == 201, answer.body
        lot = await until_heard(
            lambda: clerk.get("/api/certificates", kind="lot"),
            lambda told: [one["state"] for one in told["certificates"]] == ["issued"],
        )
        paper = await clerk.fetch(f"/certificates/{lot['certificates'][0]['number']}.pdf")
        revoked = await clerk.fetch("/certificates/revoked.json")
    subject = credential["credentialSubject"]
    assert [(line["method"], line["certificate"]) for line in subject["media"]] == [("purge", number)]
    assert [one["signed"] for one in subject["people"] if one["role"] == "validated"] == [f"{number} を妥当と認めた"]
    held = [(stack.folder / "keys" / name).read_text() for name in ("certificates.keys", "log.vkey")]
    trusted = Keys.parse("".join(held))
    known = Revocations.parse(revoked, trusted, datetime.now(TOKYO))
    verdict = await asyncio.to_thread(verify_bytes, "lot.pdf", paper, trusted, revocations=known)
    assert verdict.ok, verdict
    assert verdict.standing
    assert "older than the certificate" in verdict.standing.en, "nothing was revoked: the list is the day's first"


async def test_asking_for_a_token_is_no_journey(stack: Stack) -> None:
    async with Actor(stack.origin, stack.certificate_authority, "operator") as operator:
        await operator.fetch("/towns")
        await asyncio.sleep(EXPORTED_S)
        traces = (await operator.get("/traces/api/traces"))["traces"]
    names = {trace["name"] for trace in traces}
    assert "GET /towns" in names
    assert not {name for name in names if "token" in name or "healthz" in name or "static" in name}
