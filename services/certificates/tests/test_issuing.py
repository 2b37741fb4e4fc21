"""Who holds which key: the press room alone reads private ones, takes a new one at once, and each has one purpose."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.certificates import keys, signing
from services.certificates.document import credential
from services.certificates.pressroom import PressRoom
from services.certificates.tests import sample
from services.certificates.tests.authority import TimeStampAuthority
from services.certificates.tests.conftest import House as Home
from services.certificates.tests.honest import House
from services.certificates.tests.test_pressroom import job
from services.certificates.tests.test_timestamps import PAIR, REFUSED, ROOT
from services.certificates.tests.world import Machine
from shared import blobs
from shared.settings import settings
from shared.testing import TOWN, project
from verifier.keys import Keys
from verifier.verification import verify_bytes

PRIVATE = (signing.PDF_KEY, signing.CREDENTIAL_KEY, "log.pem")
AT = datetime(2021, 9, 1, tzinfo=UTC)


class Watch:
    """Which files this process opens while it looks; an audit hook stays for the life of the process."""

    def __init__(self) -> None:
        self.opened: set[str] = set()
        self.looks = False
        sys.addaudithook(self.see)

    def see(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.looks and event == "open" and isinstance(arguments[0], str | Path):
            self.opened.add(Path(arguments[0]).name)


@sample.needs_fonts
async def test_the_service_s_own_process_reads_no_private_key_while_it_issues(house: Home) -> None:
    machine = Machine.new()
    told = machine.destroyed()
    await house.hear(machine.registered, told, house.log.notice(told))
    watch = Watch()
    watch.looks = True
    (settings().keys / keys.PUBLIC).read_text()
    assert await house.issue() > 0
    watch.looks = False
    (row,) = await house.rows("SELECT issued_at FROM certificates WHERE item = :item", item=machine.item.item)
    assert row.issued_at is not None
    assert keys.PUBLIC in watch.opened, "it does look"
    assert watch.opened.isdisjoint(PRIVATE)


def test_neither_door_nor_worker_load_what_signs() -> None:
    told = (
        "import os, sys; os.environ['MEGURU_SERVICE'] = 'certificates'\n"
        "import services.certificates.app, services.certificates.worker\n"
        "house = {f'services.certificates.{name}' for name in ('signing', 'hardware', 'timestamps')}\n"
        "found = (house | {'pyhanko', 'pkcs11'}) & set(sys.modules)\n"
        "sys.exit(str(found) if found else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", told], cwd=project(), check=False, capture_output=True, text=True)  # noqa: S603  # ourselves
    assert done.returncode == 0, done.stderr


@sample.needs_fonts
async def test_without_a_stamp_nothing_is_issued_the_page_says_why_and_it_comes_later(
    house: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TimeStampAuthority(ROOT, PAIR).running() as authority:
        monkeypatch.setenv("MEGURU_TSA", authority.url)
        monkeypatch.setenv("MEGURU_TSA_CERTIFICATE_SHA256", PAIR.fingerprint)
        if house.room:
            await house.room.close()  # its process has an older environment
        await _stamped_later(house, authority)


async def _stamped_later(house: Home, authority: TimeStampAuthority) -> None:
    authority.answer = lambda _: REFUSED
    machine = Machine.new()
    told = machine.destroyed()
    await house.hear(machine.registered, told, house.log.notice(told))

    async def certificate() -> Any:
        (row,) = await house.rows(
            "SELECT c.issued_at, c.certificate, q.failure FROM certificates c LEFT JOIN pending q USING (certificate) "
            "WHERE c.item = :item",
            item=machine.item.item,
        )
        return row

    await house.issue()
    row = await certificate()
    assert row.issued_at is None
    assert "時刻認証局" in row.failure
    assert "not today" in row.failure
    authority.answer = None
    async with house.made.owner.begin() as connection:
        await connection.exec_driver_sql("UPDATE pending SET tried_at = NULL")
    await house.issue()
    assert (await certificate()).issued_at is not None
    (issued,) = await house.rows(
        "SELECT convert_from(body, 'UTF8')::jsonb->'data'->>'pdf_sha256' AS pdf FROM entries "
        "WHERE kind = 'certificates.issued.v1' AND stream = :stream",
        stream=row.certificate,
    )
    known, pdf = Keys.parse(keys.trusted(settings().keys)), await blobs.get(TOWN, issued.pdf)
    verdict = await asyncio.to_thread(verify_bytes, "c.pdf", pdf, known)
    assert verdict.ok, verdict.checks
    assert "時刻認証があります" in verdict.checks[1].ja


@sample.needs_fonts
async def test_a_new_key_signs_the_next_certificate_and_the_old_one_s_stay_true(house: Home) -> None:
    folder = settings().keys
    room = PressRoom(sample.FOLDER, folder, settings().log_origin)
    asked = await job(house)
    before = await room.make(*asked)
    signing.rotate_pdf(folder, datetime.now(UTC))
    signing.rotate_credential(folder, settings().log_origin, datetime.now(UTC))
    after = await room.make(*asked)
    await room.close()
    assert before.made.key != after.made.key
    assert json.loads(before.json)["issuer"]["id"] != json.loads(after.json)["issuer"]["id"]
    known = Keys.parse(keys.trusted(folder))
    for files in (before, after):
        verdict = await asyncio.to_thread(verify_bytes, "c.pdf", files.pdf, known)
        assert verdict.ok, verdict.checks


def test_no_key_does_the_work_of_another(tmp_path: Path) -> None:
    signing.make_keys(tmp_path, subject="a", organisation="b", at=AT)
    own, log = signing.load_credential_key(tmp_path), Ed25519PrivateKey.generate()
    given = sample.destruction()
    _, place = sample.cited(sample.entry(given), log)
    given = given.model_copy(update={"log": place})
    known = Keys.parse(sample.log_line(log) + signing.key_lines(tmp_path, sample.ORIGIN))

    def failed(signer: Ed25519PrivateKey, head: Ed25519PrivateKey) -> list[str]:
        cited, _ = sample.cited(sample.entry(given), head)
        verdict = verify_bytes("c.json", credential.issue(given, [cited], signer), known)
        return [check.name for check in verdict.checks if check.status == "failed"]

    assert failed(own, log) == []
    assert failed(log, log) == ["signature"], "the log's key signs no credential"
    assert failed(own, own) == ["log"], "the credential's key signs no head"
    pdf = serialization.load_pem_private_key((tmp_path / signing.PDF_KEY).read_bytes(), None)
    (tmp_path / signing.CREDENTIAL_KEY).write_bytes(pdf.private_bytes(*signing.UNENCRYPTED))
    with pytest.raises(signing.BadKey, match="Ed25519"):
        signing.load_credential_key(tmp_path)


@sample.needs_fonts
def test_of_honest_certificates_that_are_all_unlike_none_is_refused(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    refused: list[str] = []
    with House.opened(tmp_path) as house:
        for one in house.issue(seed=7, count=32):  # `make soak` asks a thousand (bench/refused.py)
            seen.update(one.traits)
            refused += one.refused(house.keys)
    assert refused == []
    varied = {
        "destruction",
        "erasure",
        "tracking",
        "lot",
        "stamped",
        "replaces",
        "2 log keys",
        "0 witnesses",
        "4 photos",
    }
    assert varied <= set(seen), seen
