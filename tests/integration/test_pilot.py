"""The whole pilot, and what must hold of it afterwards: the papers' numbers, the proofs, the views, the backup."""

import asyncio
import json
import ssl
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from bench.importing import reports
from bench.world import inventory, quiet
from meguru.audit import audit
from meguru.backup import backup, restore
from meguru.demo import verify_all
from meguru.export import export
from meguru.feeder import feed
from meguru.founding import PREPARE
from meguru.rebuild import Compared, NotCaughtUp, compare
from meguru.recomputing import DIFFERENT, SAME, recompute
from meguru.replay.acting import scan, until_heard
from meguru.replay.actor import Actor
from meguru.replay.summary import collect, differences
from meguru.witness import Witness
from shared.stack.stack import Stack
from tests.browser.pilot import Pilot
from verifier.keys import Keys
from verifier.log import cosigned, parse_head
from verifier.verification import verify


async def test_the_numbers_are_the_papers_own(pilot: Pilot) -> None:
    assert differences(pilot.summary) == []
    assert pilot.summary["refurbished_by_centre"] == 48
    assert pilot.summary["taken_over_by_town"] == 47
    assert pilot.summary["difference"]["machines"] == [pilot.world.labels[pilot.world.undelivered().asset_number]]
    assert len(pilot.summary["refusals"]) >= 8


async def test_in_the_pilot_no_recorded_fact_breaks_anything(pilot: Pilot) -> None:
    connection = await pilot.stack.connect("tracking")
    rows = await connection.fetch(
        "SELECT i.label, t.kind, b.code FROM breaches b JOIN timeline t USING (entry) JOIN items i ON i.item = b.item "
        "WHERE i.label = ANY($1) ORDER BY t.occurred_at",
        list(pilot.world.labels.values()),
    )
    await connection.close()
    assert [tuple(row) for row in rows] == []


async def test_every_certificate_is_genuine_with_the_files_and_the_key_alone(pilot: Pilot, tmp_path: Path) -> None:
    exported = await export(pilot.stack, tmp_path)
    assert exported.certificates >= 320
    assert await asyncio.to_thread(verify_all, tmp_path, exported.certificates) == []
    keys = Keys.read(tmp_path / "log" / "key.txt")
    pdf = min((tmp_path / "certificates").glob("D-*.pdf"))
    altered = tmp_path / "altered.pdf"
    content = bytearray(pdf.read_bytes())
    content[len(content) // 2] ^= 1
    altered.write_bytes(content)
    assert not (await asyncio.to_thread(verify, altered, keys)).ok
    credential = json.loads(pdf.with_suffix(".json").read_text())
    credential["credentialSubject"]["serial"] = "ANOTHER"
    changed = tmp_path / "altered.json"
    changed.write_text(json.dumps(credential, ensure_ascii=False))
    verdict = await asyncio.to_thread(verify, changed, keys)
    assert not verdict.ok
    assert any("serial" in str(difference) for difference in verdict.differences)
    assert (
        (tmp_path / "log" / "checkpoint")
        .read_text()
        .startswith(pilot.stack.environment("tracking")["MEGURU_LOG_ORIGIN"])
    )
    assert len((tmp_path / "events.jsonl").read_bytes().splitlines()) > 2000


async def test_anybody_draws_the_re_check_again_from_what_was_exported(pilot: Pilot, tmp_path: Path) -> None:
    await export(pilot.stack, tmp_path)
    listed = tmp_path / "draw.json"
    async with Actor(pilot.stack.origin, pilot.stack.certificate_authority, "itad-worker") as worker:
        listed.write_bytes(await worker.fetch("/api/erasure/draw", engagement=pilot.world.engagement))
    assert len(json.loads(listed.read_bytes())["population"]) > 100
    code, sentence = await asyncio.to_thread(recompute, listed, tmp_path)
    assert code == SAME, sentence
    events = tmp_path / "events.jsonl"
    events.write_bytes(events.read_bytes().replace(b'"achieved":"purge"', b'"achieved":"clear"', 1))
    code, sentence = await asyncio.to_thread(recompute, listed, tmp_path)
    assert code == DIFFERENT, sentence


async def test_a_town_s_witness_follows_the_log_and_anybody_sees_that_it_did(pilot: Pilot, tmp_path: Path) -> None:
    key = pilot.stack.folder / "keys" / "log.vkey"
    witness = Witness.load("mogami.example/witness", tmp_path, Keys.read(key))
    (pilot.stack.folder / "keys" / "witnesses.vkeys").write_text(f"{witness.vkey}\n")
    trust = ssl.create_default_context(cafile=str(pilot.stack.certificate_authority))
    async with httpx.AsyncClient(verify=trust) as client:
        size = await feed(client, pilot.stack.origin, witness.add)
        assert size > 2000
        shown = parse_head((await client.get(f"{pilot.stack.origin}/log/witnessed")).text)
    assert [name for name, _ in cosigned(shown, Keys.parse(f"{witness.vkey}\n"))] == ["mogami.example/witness"]
    assert shown.size >= size


async def test_ledgers_and_log_agree_and_one_changed_byte_is_found(pilot: Pilot) -> None:
    assert await audit(pilot.stack) == []
    connection = await pilot.stack.connect("erasure")
    flip = "UPDATE entries SET salt = set_byte(salt, 3, get_byte(salt, 3) # 1) WHERE id = $1"
    one = await connection.fetchrow(
        "SELECT id, stream, sequence FROM entries WHERE kind = 'erasure.medium-destroyed.v1' LIMIT 1"
    )
    await connection.execute("ALTER TABLE entries DISABLE TRIGGER entries_stand")
    try:
        await connection.execute(flip, one["id"])
        found = await audit(pilot.stack)
        assert any(str(one["stream"]) in str(finding) and "erasure" in str(finding) for finding in found)
    finally:
        await connection.execute(flip, one["id"])
        await connection.execute("ALTER TABLE entries ENABLE TRIGGER entries_stand")
        await connection.close()
    assert await audit(pilot.stack) == []


async def test_views_dropped_and_rebuilt_come_out_equal_and_none_is_empty(pilot: Pilot) -> None:
    async with (
        Actor(pilot.world.origin, pilot.world.authority, "mogami-admin") as admin,
        Actor(pilot.world.origin, pilot.world.authority, "mogami-clerk") as clerk,
        Actor(pilot.world.origin, pilot.world.authority, "itad-worker") as worker,
        Actor(pilot.world.origin, pilot.world.authority, "itad-refurbisher") as refurbisher,
    ):
        asked = {
            "centre": "centre-sofmap-itad",
            "title": "終わる契約",
            "contract": "R8-99",
            "starts_on": "2026-01-01",
            "ends_on": "2036-01-01",
            "certificate_days": 43,
        }
        ended = (await admin.do("/api/tracking/engagements", asked))["stream"]
        own = {"steps": [{"code": "memory", "ja": "メモリ増設", "en": "Memory added"}]}
        path = f"/api/refurb/engagements/{ended}/plan"
        await until_heard(lambda: refurbisher.ask(path, own), lambda answer: answer.status == 201)
        await admin.do(f"/api/tracking/engagements/{ended}/end")
        file = [("file", ("stray.csv", inventory(["TS9K0AFFFFFF"]), "text/csv"))]  # the stray report's drive turns up
        answer = await clerk.upload("/api/tracking/inventories", {"engagement": pilot.world.engagement}, file)
        assert answer.status == 201
        label = answer.body["items"][0]["label"]
        (told,) = await until_heard(lambda: scan(worker, "received", [label]), lambda told: told[0]["status"] < 400)
        assert len(told["breaks"]) == 2, "never shipped out, nothing proved"
        dropped = [("file", ("theirs.json", reports(1)[0], "application/json"))]  # of a drive that is not this town's
        answer = await worker.upload("/api/erasure/reports", {"engagement": pilot.world.engagement}, dropped)
        assert answer.status == 202
        (drive,) = answer.body["drives"]
        aside = {"serial": drive["serial"], "reason": "別の町の媒体"}
        await worker.do(f"/api/erasure/unmatched/{drive['report']}/aside", aside)
        await give_and_take_back(clerk, pilot.world.calls[0])
    connection = await pilot.stack.connect("erasure")

    async def bound() -> int:
        return int(await connection.fetchval("SELECT count(*) FROM bindings"))

    await until_heard(bound, lambda count: count == 1)
    await quiet(pilot.stack)  # what is on its way would show as a difference
    compared = await until_heard(lambda: caught_up(pilot.stack), bool)
    await connection.close()
    assert [one for one in compared if not one.is_equal] == []
    assert [(one.service, one.table) for one in compared if not one.rows] == []


async def give_and_take_back(clerk: Actor, like: str) -> None:
    """Let a call be corrected, withdrawn from, handed over, returned and opened again, as the pilot's was not."""
    call = await clerk.get(f"/api/donations/calls/{like}")
    kept = ("title", "rule", "item_kinds", "spec", "categories", "consent", "consent_version", "contact", "opens_at")
    window = {"closes_at": call["closes_at"], "units": 1}
    number, path = "063622-R8-5", "/api/donations/calls/063622-R8-5"
    await clerk.do("/api/donations/calls", {name: call[name] for name in kept} | window | {"number": number})
    form = {"category": "hamlet", "units": 1, "representative": "見本", "address": "向町", "phone": "0233-43-0007"}
    slips = [
        await clerk.do(f"{path}/paper", form | {"group": f"区{n}", "arrived_at": call["opens_at"]}) for n in range(2)
    ]
    mine = {"passphrase": slips[1]["passphrase"], "uses": ["circulars"], "group": "直した区"}
    await clerk.do(f"/api/donations/receipts/{slips[1]['receipt']}/correct", form | mine)
    for step in ("close", "settle", f"applications/{slips[0]['receipt']}/withdraw"):
        await clerk.do(f"{path}/{step}")
    theirs = f"{path}/applications/{slips[1]['receipt']}"
    await clerk.do(f"{theirs}/hand-over")
    await clerk.do(f"{theirs}/return", {"reason": "unused"})
    further = {"item_kinds": ["desktop"], "units": 1, "opens_at": call["opens_at"], "closes_at": call["closes_at"]}
    await clerk.do(f"{path}/rounds", further)


async def caught_up(stack: Stack) -> list[Compared]:
    """Compare when every ledger is heard; nothing yet, while one is not."""
    try:
        return await compare(stack)
    except NotCaughtUp:
        return []


async def test_with_one_entry_withheld_the_comparison_fails(pilot: Pilot) -> None:
    connection = await pilot.stack.connect("tracking")
    withheld = await connection.fetchval("SELECT entry FROM timeline WHERE kind = 'tracking.received.v1' LIMIT 1")
    await connection.close()
    compared = await compare(pilot.stack, ("tracking",), withheld={withheld})
    assert [one.table for one in compared if not one.is_equal]


async def test_restored_from_its_backup_the_summary_and_the_audit_come_out_the_same(
    pilot: Pilot, tmp_path: Path
) -> None:
    before = await collect(pilot.world)
    file = tmp_path / "meguru.tar"
    await backup(pilot.stack, file)
    folder = tmp_path / "restored"
    restored = await restore(file, folder)
    assert restored.findings == []
    with pytest.raises(Exception, match="。"):
        await restore(file, folder)
    async with Stack(folder, prepare=PREPARE, development_login=True) as stack:
        world = replace(pilot.world, origin=stack.origin, authority=stack.certificate_authority)
        assert await collect(world) == before
        assert await audit(stack) == []
