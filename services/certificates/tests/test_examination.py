"""Strangers' files: each gets a verdict or a sentence, none is called valid, none takes the doors along."""

import asyncio
import io
import json
import os
import signal
import time
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pikepdf
import psutil
import pytest
from pyhanko.pdf_utils.generic import StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject

from services.certificates import examination
from services.certificates.examination import CPU_MAX_S, DATA_MAX, examine
from services.certificates.signing import Signer, make_keys
from services.certificates.tests import sample as own
from services.certificates.tests.conftest import House, Web
from services.certificates.tests.world import Machine
from shared import annex
from shared.web.guard import BODY_BYTES_MAX
from verifier.tests import sample
from verifier.verdict import Unreadable
from verifier.verification import verify_bytes

WALL_MAX_S = 5  # a machine that does other things too; 2 are promised on one that does not
BOMB = 512 * 1024 * 1024  # bytes, of which the process may have three fifths


def running() -> psutil.Process:
    room = annex.room("services.certificates.examination", time_max_s=0, idle_max_s=0)
    assert room._process
    return psutil.Process(room._process.pid)


@cache
def packed() -> bytes:
    """Zeros, in a thousandth of their size."""
    packer = zlib.compressobj(9)
    block = bytes(1024 * 1024)
    return b"".join([*(packer.compress(block) for _ in range(BOMB // len(block))), packer.flush()])


def saved(pdf: pikepdf.Pdf, **how: object) -> bytes:
    out = io.BytesIO()
    pdf.save(out, **how)  # type: ignore[arg-type]  # what each file needs
    return out.getvalue()


def with_bomb_attached() -> bytes:
    pdf = pikepdf.new()
    pdf.add_blank_page()
    stream = pikepdf.Stream(pdf, b"")
    stream.write(packed(), filter=pikepdf.Name.FlateDecode)
    spec = pikepdf.Dictionary(
        Type=pikepdf.Name.Filespec, F="certificate.json", UF="certificate.json", EF=pikepdf.Dictionary(F=stream)
    )
    pdf.Root.Names = pikepdf.Dictionary(EmbeddedFiles=pikepdf.Dictionary(Names=["certificate.json", spec]))
    return saved(pdf, compress_streams=False)


def with_bomb_as_index() -> bytes:
    """A PDF whose cross-reference stream unpacks to more than fits (ISO 32000-1 §7.5.8)."""
    body = packed()
    head = b"%PDF-1.7\n"
    stream = (
        b"1 0 obj\n<</Type/XRef/Size 10/W[1 2 1]/Root 2 0 R/Filter/FlateDecode/Length %d>>\nstream\n" % len(body)
        + body
        + b"\nendstream\nendobj\n"
    )
    return head + stream + b"startxref\n%d\n%%%%EOF\n" % len(head)


def with_page_added() -> bytes:
    writer: Any = IncrementalPdfFileWriter(io.BytesIO(sample.PDF))
    page: Any = PageObject
    writer.insert_page(page(contents=writer.add_object(StreamObject(stream_data=b"BT ET")), media_box=(0, 0, 200, 200)))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def encrypted() -> bytes:
    with pikepdf.open(io.BytesIO(sample.PDF)) as pdf:
        return saved(pdf, encryption=pikepdf.Encryption(owner="o", user="u", R=6))


def nested(depth: int) -> bytes:
    objects = b"1 0 obj\n<</Type/Catalog/Names " + b"[" * depth + b"]" * depth + b">>\nendobj\n"
    head = b"%PDF-1.4\n"
    place = len(head) + len(objects)
    table = b"xref\n0 2\n0000000000 65535 f \n%010d 00000 n \n" % len(head)
    return head + objects + table + b"trailer\n<</Size 2/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % place


def round_in_circles() -> bytes:
    """A PDF whose older revision is itself, and whose name tree has itself for a child."""
    head = b"%PDF-1.4\n"
    first = b"1 0 obj\n<</Type/Catalog/Names<</EmbeddedFiles 2 0 R>>>>\nendobj\n"
    second = b"2 0 obj\n<</Kids[2 0 R 2 0 R]>>\nendobj\n"
    place = len(head) + len(first) + len(second)
    table = b"xref\n0 3\n0000000000 65535 f \n%010d 00000 n \n%010d 00000 n \n" % (len(head), len(head) + len(first))
    end = b"trailer\n<</Size 3/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF" % (place, place)
    return head + first + second + table + end


HOSTILE: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "noise": lambda: os.urandom(200_000),
    "a picture": (sample.DATA / "photo-before.jpg").read_bytes,
    "a zip that says it is a PDF": lambda: b"PK\x03\x04 %PDF-1.7 " + os.urandom(1000),
    "only the beginning": lambda: sample.PDF[:5000],
    "encrypted": encrypted,
    "a page added after signing": with_page_added,
    "an attachment that unpacks to too much": with_bomb_attached,
    "an index that unpacks to too much": with_bomb_as_index,
    "a hundred thousand brackets": lambda: nested(100_000),
    "round in circles": round_in_circles,
    "many objects that are no PDF": lambda: b"%PDF-1.7\n" + b"1 0 obj\n<<>>\nendobj\n" * 500_000,
    "JSON of a million brackets": lambda: b'{"a":' + b"[" * 1_000_000,
    "JSON with a number of a million digits": lambda: b'{"credentialSubject":{"n":' + b"9" * 1_000_000 + b"}}",
    "JSON of fifteen megabytes": lambda: json.dumps({"credentialSubject": {"x": ["y" * 100] * 140_000}}).encode(),
    "a credential with another certificate's proof": lambda: sample.JSON.replace(b"eddsa-jcs-2022", b"eddsa-jcs-2023"),
    "a log proof of a million lines": lambda: b"c2sp.org/tlog-proof@v1\nindex 1\n" + b"AAAA\n" * 1_000_000,
}


@pytest.fixture(params=HOSTILE)
def hostile(request: pytest.FixtureRequest) -> bytes:
    return HOSTILE[request.param]()


async def test_a_hostile_file_is_never_valid_and_takes_little(hostile: bytes) -> None:
    assert (await examine("c.pdf", sample.PDF, sample.KEY_TEXT)).ok
    before, spent, began = running(), sum(running().cpu_times()[:2]), time.monotonic()
    try:
        verdict = await examine("hostile.pdf", hostile, sample.KEY_TEXT)
    except Unreadable as unreadable:
        assert unreadable.ja.endswith("。") or "（" in unreadable.ja
        assert unreadable.en.isascii() or "(" in unreadable.en
    else:
        assert not verdict.ok
        assert len(verdict.checks) == 5
    assert time.monotonic() - began <= WALL_MAX_S
    if before.is_running():
        assert sum(before.cpu_times()[:2]) - spent <= CPU_MAX_S + 1
        peak = psutil.Process(before.pid).memory_full_info().uss
        assert peak < DATA_MAX
    assert (await examine("c.pdf", sample.PDF, sample.KEY_TEXT)).ok, "the next file is checked as if nothing had been"


async def test_a_verdict_comes_over_the_pipe_as_it_was_made() -> None:
    altered = sample.JSON.replace(b"crush", b"crash")
    for content in (sample.PDF, sample.JSON, sample.PROOF, altered):
        here = await asyncio.to_thread(verify_bytes, "c", content, sample.KEYS)  # pyhanko has a loop of its own
        assert await examine("c", content, sample.KEY_TEXT) == here


async def test_a_process_that_is_killed_is_one_sentence_and_the_next_file_has_a_new_one() -> None:
    assert (await examine("c.json", sample.JSON, sample.KEY_TEXT)).ok
    os.kill(running().pid, signal.SIGSTOP)
    asked = asyncio.create_task(examine("c.json", sample.JSON, sample.KEY_TEXT))
    await asyncio.sleep(0)
    os.kill(running().pid, signal.SIGKILL)
    with pytest.raises(Unreadable, match="時間かメモリ"):
        await asked
    assert (await examine("c.json", sample.JSON, sample.KEY_TEXT)).ok
    assert examination.IDLE_MAX_S < 60, "its memory is given back"


def blank() -> pikepdf.Pdf:
    pdf = pikepdf.new()
    pdf.add_blank_page()
    return pdf


def unrelated(_pdf: bytes, _credential: bytes) -> bytes:
    return saved(blank())


def around(_pdf: bytes, credential: bytes) -> bytes:
    pdf = blank()
    pdf.attachments["certificate.json"] = credential
    return saved(pdf)


def unsigned(pdf: bytes, _credential: bytes) -> bytes:
    """Our own page as it was before its signature: what a stranger would sign to pass it off as his."""
    return pdf[: pdf.index(b"%%EOF") + len(b"%%EOF")]


STRANGERS: dict[str, tuple[Callable[[bytes, bytes], bytes], int]] = {  # and how many of the five checks still hold
    "a page that has nothing to do with us": (unrelated, 0),
    "another's page around our credential": (around, 3),
    "our own page under another's signature": (unsigned, 3),
}


@pytest.fixture(scope="module")
async def issued(house: House, web: Web) -> tuple[bytes, bytes]:
    """PDF and JSON of a destruction certificate of this house."""
    machine = Machine.new()
    destroyed = machine.destroyed()
    await house.hear(machine.registered, machine.received(), destroyed, house.log.notice(destroyed))
    assert await house.issue() == 1
    pdf, credential = [(await web.get(f"/certificates/{machine.number()}.{kind}")).content for kind in ("pdf", "json")]
    return pdf, credential


@own.needs_fonts
@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("stranger", STRANGERS)
async def test_what_somebody_else_signed_is_never_called_ours(
    web: Web, issued: tuple[bytes, bytes], tmp_path: Path, stranger: str, lang: str
) -> None:
    make, hold = STRANGERS[stranger]
    make_keys(tmp_path, subject="somebody else", organisation="elsewhere", at=datetime(2026, 1, 1, tzinfo=UTC))
    signed = await asyncio.to_thread(Signer.load(tmp_path).sign, make(*issued), at=datetime.now(UTC))
    began = time.monotonic()
    shown = await web.send(f"/verify?lang={lang}", {}, who="", files={"file": ("c.pdf", signed)})
    assert time.monotonic() - began <= WALL_MAX_S
    assert shown.status_code == 200, shown.text
    assert ("鍵の一覧にありません" if lang == "ja" else "is not on the list of keys") in shown.text
    assert shown.text.count("mg-ticks__ok") == hold
    assert shown.text.count("mg-ticks__bad") == (1 if hold else 2)


async def test_half_a_gigabyte_is_refused_at_the_door_and_never_in_memory(web: Web) -> None:
    process, block = psutil.Process(), bytes(1024 * 1024)
    await web.send("/verify", {}, who="", files={"file": ("c.pdf", bytes(BODY_BYTES_MAX // 2))})  # what stays is there
    before, sent, most = process.memory_info().rss, 0, 0
    boundary = "meguru"

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent, most
        yield (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="c.pdf"\r\n'
            "Content-Type: application/pdf\r\n\r\n"
        ).encode()
        for _ in range(500):
            sent += len(block)
            most = max(most, process.memory_info().rss - before)
            yield block
        yield f"\r\n--{boundary}--\r\n".encode()

    headers = {"accept": "text/html", "content-type": f"multipart/form-data; boundary={boundary}"}
    for lang, sentence in (("ja", "送られたデータが大きすぎます。"), ("en", "What was sent is too large.")):
        sent, began = 0, time.monotonic()
        refused = await web.client.post(f"/verify?lang={lang}", content=body(), headers=headers)
        assert time.monotonic() - began <= WALL_MAX_S
        assert refused.status_code == 413
        assert sentence in refused.text
        assert sent <= BODY_BYTES_MAX + 2 * len(block), "the rest is not taken in"
    assert most < BODY_BYTES_MAX
    announced = {**headers, "content-length": str(500 * len(block))}
    sent = 0
    assert (await web.client.post("/verify", content=body(), headers=announced)).status_code == 413
    assert sent == 0, "what is announced is refused unread"
