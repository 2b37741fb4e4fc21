"""What is left for strangers verifies without us; and the commands as they are typed."""

import asyncio
import hashlib
import json
import shutil
from base64 import b64decode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tlog_scales import tlog as theirs
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey, VkeySet
from typer.testing import CliRunner

from meguru import doctor
from meguru.cli import app
from meguru.export import Incomplete, export
from meguru.exported import KEYS, examine_export, log_keys
from meguru.tests.world import LOG, World, kept, worlds
from services.certificates.consumers import consumers
from services.certificates.loops import Issuer
from services.certificates.pressroom import PressRoom
from services.tracking.log import merkle, note, tiles
from services.tracking.log.note import Checkpoint, VerifierKey
from shared.messaging import Notice
from shared.settings import settings
from shared.stack.stack import Stack
from shared.testing import project
from verifier.keys import Keys
from verifier.verification import verify

FONTS = project() / "shared" / "web" / "static" / "vendor" / "fonts"


@pytest.fixture(scope="module")
async def world(servers: Stack) -> AsyncIterator[World]:
    async with worlds(servers) as made:
        for old in ("certificates.keys", "pdf-key.pem", "pdf-certificate.pem", "credential-key.pem"):
            (servers.folder / "keys" / old).unlink(missing_ok=True)
        await issue(made)
        yield made


async def issue(world: World) -> None:
    """Let the certificates' service hear where the log has its entries, and issue."""
    folder, certificates = world.stack.folder / "keys", world.services["certificates"]
    for row in await world.services["tracking"].rows("SELECT subject, body FROM notices WHERE subject LIKE 'notice.%'"):
        _, tenant, kind = row.subject.split(".", 2)
        async with certificates.consuming() as tx:
            await consumers.handle(tx, [Notice(uuid4(), f"notice.{kind}", tenant, row.subject, bytes(row.body))])
    room = PressRoom(FONTS, folder, LOG)
    issuer = Issuer(certificates.consumer, room, settings().origin)
    assert await issuer.take()
    await issuer.rest()
    await room.close()
    await world.carry()


@pytest.fixture(scope="module")
async def left(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("left")
    exported = await export(world.stack, folder)
    assert exported.entries == exported.size == len(world.carried)
    assert exported.certificates == 2
    return folder


def test_the_log_is_read_from_files_alone(left: Path) -> None:
    log = left / "log"
    key = VerifierKey.parse((log / "key.txt").read_text("utf-8").splitlines()[0])
    head = Checkpoint.parse(note.open_note((log / "checkpoint").read_text("utf-8"), [key]))
    assert tiles.root(lambda path: (log / path).read_bytes(), head.size) == head.root
    bundle = tiles.digests((log / tiles.bundle_path(0, head.size)).read_bytes())
    assert len(bundle) == head.size
    path = tiles.inclusion(lambda path: (log / path).read_bytes(), 3, head.size)
    merkle.check_inclusion(3, head.size, merkle.leaf_hash(bundle[3]), path, head.root)


async def test_every_entry_is_a_line_in_the_order_of_the_log(world: World, left: Path) -> None:
    lines = await asyncio.to_thread((left / "events.jsonl").read_bytes)
    salts = {str(entry.id): entry.salt for name in world.names for entry in await world.entries(name)}
    bundle = await asyncio.to_thread((left / "log" / tiles.bundle_path(0, len(salts))).read_bytes)
    digests = [
        hashlib.sha256(line + salts[json.loads(line)["id"]]).digest() for line in lines.removesuffix(b"\n").split(b"\n")
    ]
    assert digests == tiles.digests(bundle)


def test_every_certificate_verifies_with_the_key_file_alone(left: Path) -> None:
    trusted = Keys.read(left / "log" / "key.txt")
    files = sorted((left / "certificates").iterdir())
    assert {path.suffix for path in files} == {".pdf", ".json"}
    assert len(files) == 4
    assert all(verify(path, trusted).ok for path in files)


def test_a_certificate_that_is_altered_missing_or_of_nobody_is_named(left: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(left, copy)
    keys = log_keys(copy / KEYS)
    assert examine_export(copy, keys).findings == []
    pdf, other = sorted((copy / "certificates").glob("*.pdf"))
    pdf.write_bytes(pdf.read_bytes() + b"\n")
    other.rename(other.with_name("D-0000-0000-0.pdf"))
    said = {one.en for one in examine_export(copy, keys).findings if one.what == "certificate"}
    assert said == {
        f"certificates/{pdf.name} is not what was issued.",
        f"certificates/{other.name} is missing.",
        "No entry says that certificates/D-0000-0000-0.pdf was issued.",
    }
    shutil.rmtree(copy / "certificates")
    assert len(examine_export(copy, keys).findings) == 4


async def test_a_missing_blob_and_a_missing_entry_are_sentences(world: World, tmp_path: Path) -> None:
    async with kept(world, "refurb", "entries"):
        await world.execute("refurb", "DELETE FROM entries")
        with pytest.raises(Incomplete, match="in no ledger"):
            await export(world.stack, tmp_path)
    (row,) = await world.services["certificates"].rows(
        "SELECT pdf_sha256, tenant FROM certificates WHERE pdf_sha256 IS NOT NULL ORDER BY certificate LIMIT 1"
    )
    blob = world.stack.folder / "blobs" / row.tenant / row.pdf_sha256[:2] / row.pdf_sha256
    content = await asyncio.to_thread(blob.read_bytes)
    await asyncio.to_thread(blob.write_bytes, content + b"x")
    with pytest.raises(Incomplete, match="altered"):
        await export(world.stack, tmp_path)
    await asyncio.to_thread(blob.write_bytes, content)
    await export(world.stack, tmp_path)


# ── the commands as typed ─────────────────────────────────────────────────────────────────────────────────────────────


def typed(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_verify_says_the_five_checks_in_both_languages_and_answers_0_1_2(left: Path, tmp_path: Path) -> None:
    key = left / "log" / "key.txt"
    pdf, written = next((left / "certificates").glob("*.pdf")), next((left / "certificates").glob("*.json"))
    good = typed("verify", pdf, written, "--key", key)
    assert good.exit_code == 0, good.output
    for word in ("署名 Signature", "時刻 Time", "台帳 Log", "写真 Photos", "そろい Completeness"):
        assert good.output.count(word) == 2
    altered = tmp_path / "altered.json"
    altered.write_bytes(written.read_bytes().replace(b'"D-', b'"E-', 1))
    bad = typed("verify", altered, "--key", key, "--json")
    assert bad.exit_code == 1
    assert json.loads(bad.output)[0]["ok"] is False
    assert typed("verify", left / "events.jsonl", "--key", key).exit_code == 2
    assert typed("verify", pdf, "--key", tmp_path / "absent").exit_code == 2


def test_a_folder_without_data_is_a_sentence(tmp_path: Path) -> None:
    for words in (
        ("audit",),
        ("rebuild",),
        ("parked",),
        ("republish", "--service", "refurb"),
        ("backup", tmp_path / "x"),
    ):
        answer = typed(*words, "--folder", tmp_path / "none")
        assert answer.exit_code == 2
        assert "There is no data in" in answer.output
        assert "Traceback" not in answer.output


def test_a_restore_of_something_else_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    answer = typed("restore", tmp_path / "file", "--folder", tmp_path / "new")
    assert (answer.exit_code, "no backup of Meguru" in answer.output) == (2, True)
    assert not (tmp_path / "new").exists()


def test_the_doctor_masks_secrets_and_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEGURU_APP_PASSWORD", "hunter2-very-secret")
    monkeypatch.setenv("MEGURU_ORIGIN", "https://meguru.test")
    well = typed("doctor", "--folder", tmp_path)
    assert "hunter2" not in well.output
    assert "********" in well.output
    assert "https://meguru.test" in well.output
    monkeypatch.setattr(doctor, "VENDOR", tmp_path)
    ill = typed("doctor", "--folder", tmp_path, "--json")
    lines = json.loads(ill.output)
    missing = [line for line in lines if not line["is_well"] and line["section"] == "files"]
    assert ill.exit_code == 1
    assert {line["name"] for line in missing} >= {"BIZUDPGothic_400Regular.ttf", "tokens.css"}
    assert all("make setup" in line["ja"] and line["en"] for line in missing)


async def test_every_certificate_s_proof_and_every_tile_is_what_a_reader_not_ours_expects(
    world: World, left: Path
) -> None:
    reader = TilesReader(LocalBackend(left / "log"))
    last = reader.get_checkpoint()
    assert reader.calculate_root_hash() == last.root_hash
    vkeys = [line for line in (left / "log" / "key.txt").read_text().splitlines() if line.startswith(f"{LOG}+")]
    known = VkeySet(*(Vkey.from_string(line.split()[0]) for line in vkeys))
    assert known.verify(last.signatures, last)
    for row in await world.services["tracking"].rows("SELECT note FROM checkpoints ORDER BY size"):
        head = theirs.Checkpoint.from_text(row.note)
        reader.get_consistency_proof(head.size, last.size).check(head.root_hash, last.root_hash)
    for index in range(last.size):
        leaf = merkle.leaf_hash(reader.get_entry(index))
        reader.get_inclusion_proof(index, last.size).check(leaf, last.root_hash)
    proved = 0
    for path in (left / "certificates").glob("*.json"):
        for one in json.loads(path.read_text())["evidence"]:
            text, head_text = one["proof"].split("\n\n", 1)
            index, *steps = text.split("\n")[1:]
            head = theirs.Checkpoint.from_text(head_text)
            digest = hashlib.sha256(one["entry"].encode() + bytes.fromhex(one["salt"])).digest()
            proof = theirs.InclusionProof(int(index.split()[1]), head.size, [b64decode(step) for step in steps])
            proof.check(merkle.leaf_hash(digest), head.root_hash)
            assert known.verify(head.signatures, head)
            proved += 1
    assert proved > 0
