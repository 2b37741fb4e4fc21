"""Cosignatures at our door: whoever brings one may be anybody, what is kept proves itself."""

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.tracking import loops, views, witnesses
from services.tracking.log.cosignature import TYPE
from services.tracking.log.note import Checkpoint, NoteSigner, split
from services.tracking.tests.entries import destroyed
from services.tracking.tests.readers import Web
from services.tracking.tests.world import founded, registered, row
from shared.settings import settings
from shared.testing import Service

ORIGIN = "meguru.test/log"
NOW = 1_796_000_000  # the tests' moments lie before


class Town:
    """A witness of the test's own: it signs what it is told to."""

    def __init__(self, name: str) -> None:
        self.name, self.key = name, Ed25519PrivateKey.generate()
        self.public = self.key.public_key().public_bytes_raw()
        self.id = sha256(name.encode() + b"\n" + TYPE + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(TYPE + self.public).decode()}"

    def cosigned(self, note: str, seconds: int) -> str:
        text = note.rpartition("\n\n")[0] + "\n"
        signature = self.key.sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
        return f"{note}— {self.name} {b64encode(self.id + seconds.to_bytes(8) + signature).decode()}\n"


@pytest.fixture(scope="module")
def towns() -> Sequence[Town]:
    return Town("mogami.example/w"), Town("itad.example/w")


@pytest.fixture(scope="module")
async def heads(tracking: Service, web: Web, towns: Sequence[Town]) -> AsyncIterator[list[str]]:
    """Three heads of the log, and its two witnesses known."""
    assert web.tokens
    signer, made = NoteSigner.new(ORIGIN), []
    entries = await registered(
        tracking, await founded(tracking, contract="witnessed"), [row(f"W{n}") for n in range(3)]
    )
    for entry in entries:
        async with tracking.consuming() as tx:
            await views.leave(tx, [destroyed(entry)])
        async with tracking.consumer.connect() as connection:
            await loops.integrate(connection, signer, loops.Kept(tracking.settings.kept_head))
        (head,) = await tracking.rows("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1")
        made.append(head.note)
    path = settings().keys / witnesses.KEYS
    path.write_text("# whoever runs the log decides\n" + "".join(f"{one.vkey} # since autumn\n" for one in towns))
    yield made
    path.unlink()


def size(note: str) -> int:
    return Checkpoint.parse(split(note)[0]).size


async def bring(web: Web, note: str) -> httpx.Response:
    return await web.client.post("/log/cosignatures", content=note.encode())


async def test_the_largest_head_of_each_is_kept_and_shown(web: Web, heads: list[str], towns: Sequence[Town]) -> None:
    mogami, itad = towns
    assert (await web.get("/log/witnessed")).status_code == 404
    alone = (await web.get("/log")).text
    assert "立会者はまだ誰も連署していません" in alone
    assert f"{mogami.name}、{itad.name}" in alone  # who is waited for
    assert "No witness has cosigned yet" in (await web.get("/log", lang="en")).text
    now = NOW - 1000
    for head in (heads[1], heads[0], heads[1]):  # an older one that comes late changes nothing
        assert (await bring(web, mogami.cosigned(head, now))).status_code == 204
    assert (await bring(web, itad.cosigned(heads[0], now))).status_code == 204
    shown = (await web.get("/log/witnessed")).text
    assert size(shown) == size(heads[1])
    assert (mogami.name in shown, itad.name in shown) == (True, False)
    await bring(web, itad.cosigned(heads[1], now))
    assert itad.name in (await web.get("/log/witnessed")).text
    page = (await web.get("/log")).text
    assert mogami.name in page
    assert "連署された先頭を取る" in page
    assert "誰も連署していません" not in page
    assert "この先頭には、まだ立会者の連署がありません" in page  # the third head
    await bring(web, mogami.cosigned(heads[2], now))
    assert "この先頭には" not in (await web.get("/log")).text


async def test_what_proves_nothing_is_refused_with_a_sentence(
    web: Web, heads: list[str], towns: Sequence[Town]
) -> None:
    mogami, stranger = towns[0], Town("somebody.example/w")
    other = NoteSigner.new(ORIGIN).sign(str(Checkpoint(ORIGIN, size(heads[0]), bytes(32))))
    good = mogami.cosigned(heads[2], NOW - 1000)
    cases = (
        (stranger.cosigned(heads[0], NOW - 1000), 409, "unknown-witness"),
        (heads[0], 409, "unknown-witness"),
        (mogami.cosigned(other, NOW - 1000), 404, "foreign-head"),
        (good.replace(good[-40:-30], "AAAAAAAAAA"), 422, "bad-cosignature"),
        (mogami.cosigned(heads[0], 4_000_000_000), 422, "bad-cosignature"),
        ("", 422, "bad-cosignature"),
        ("\0\n\n— a b\n", 422, "bad-cosignature"),
    )
    for note, status, code in cases:
        answer = await bring(web, note)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["detail"].endswith("。")
    assert (await bring(web, "x" * 70_000)).status_code == 413


def test_a_line_that_is_no_key_of_a_witness_is_told_and_the_others_count(
    tmp_path: Path, towns: Sequence[Town], caplog: pytest.LogCaptureFixture
) -> None:
    assert witnesses.known(tmp_path) == []
    (tmp_path / witnesses.KEYS).write_text(f"{NoteSigner.new('a').vkey}\n{towns[0].vkey}\n")
    assert [key.name for key in witnesses.known(tmp_path)] == [towns[0].name]
    assert "no key of a witness" in caplog.text


async def test_a_witness_that_is_no_longer_known_is_shown_no_more(
    web: Web, heads: list[str], towns: Sequence[Town]
) -> None:
    mogami, itad = towns
    await bring(web, mogami.cosigned(heads[2], NOW - 900))
    path = settings().keys / witnesses.KEYS
    kept = path.read_text()
    path.write_text(f"{itad.vkey}\n")
    assert mogami.name not in (await web.get("/log")).text
    assert mogami.name not in (await web.get("/log/witnessed")).text
    path.write_text(kept)
    assert mogami.name in (await web.get("/log")).text


async def test_an_older_word_of_the_same_head_does_not_take_the_newer_ones_place(
    web: Web, heads: list[str], towns: Sequence[Town], tracking: Service
) -> None:
    mogami = towns[0]
    for seconds in (NOW - 500, NOW - 9000):  # anybody may bring the older line again
        assert (await bring(web, mogami.cosigned(heads[2], seconds))).status_code == 204
    (kept,) = await tracking.rows("SELECT at FROM cosignatures WHERE size = :size", size=size(heads[2]))
    assert kept.at.timestamp() == NOW - 500
    written = "SELECT ctid FROM cosignatures WHERE size = :size"
    before = await tracking.rows(written, size=size(heads[2]))
    await bring(web, mogami.cosigned(heads[2], NOW - 500))
    assert await tracking.rows(written, size=size(heads[2])) == before, "who brings it again makes us write nothing"


async def test_a_head_of_another_log_with_the_same_leaves_is_none_of_ours(
    web: Web, heads: list[str], towns: Sequence[Town]
) -> None:
    ours = Checkpoint.parse(split(heads[2])[0])
    copy = NoteSigner.new("copy.example/log").sign(str(Checkpoint("copy.example/log", ours.size, ours.root)))
    answer = await bring(web, towns[1].cosigned(copy, NOW - 100))
    assert (answer.status_code, answer.json()["code"]) == (404, "foreign-head")
