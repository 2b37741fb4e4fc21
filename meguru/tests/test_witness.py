"""A witness: what it cosigns, what it declines, and that whoever lies to two of them is found out."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from meguru import feeder
from meguru.witness import STATE, Declined, Witness, application
from services.tracking.log import merkle
from services.tracking.log.note import Checkpoint, NoteSigner
from verifier import log as read
from verifier.keys import Keys
from verifier.log import cosigned, parse_head
from verifier.verdict import Wrong

ORIGIN = "example.jp/log"


class Log:
    """A log of its own leaves, that can be made to lie."""

    def __init__(self, said: str = "") -> None:
        self.signer = NoteSigner.new(ORIGIN)
        self.leaves = [merkle.leaf_hash(sha256(f"{said}{nth}".encode()).digest()) for nth in range(40)]

    def head(self, size: int) -> str:
        root = merkle.root(merkle.in_memory(self.leaves[:size]), size)
        return self.signer.sign(str(Checkpoint(ORIGIN, size, root)))

    def request(self, old: int, size: int) -> bytes:
        path = merkle.consistency(merkle.in_memory(self.leaves[:size]), old, size) if 0 < old < size else []
        lines = "".join(f"{b64encode(step).decode()}\n" for step in path)
        return f"old {old}\n{lines}\n{self.head(size)}".encode()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def witness(log: Log, tmp_path: Path) -> Witness:
    return Witness.load("mogami.example/witness", tmp_path / "w", Keys.parse(f"{log.signer.vkey}\n"))


def trusting(log: Log, witness: Witness) -> Keys:
    return Keys.parse(f"{log.signer.vkey}\n{witness.vkey}\n")


async def status(witness: Witness, body: bytes) -> int:
    try:
        await witness.add(body)
    except Declined as no:
        return no.status
    return 200


async def test_what_extends_the_last_head_is_cosigned_and_the_verifier_says_by_whom(log: Log, witness: Witness) -> None:
    for old, size in ((0, 1), (1, 7), (7, 8), (8, 33), (33, 33)):
        line = await witness.add(log.request(old, size))
        ((name, at),) = cosigned(parse_head(log.head(size) + line), trusting(log, witness))
        assert name == "mogami.example/witness"
        assert abs(at.timestamp() - witness.now()) < 60


async def test_what_it_saw_outlives_it(log: Log, witness: Witness) -> None:
    await witness.add(log.request(0, 9))
    again = Witness.load(witness.name, witness.folder, witness.logs)
    assert again.vkey == witness.vkey
    assert await status(again, log.request(0, 5)) == 409
    assert await status(again, log.request(9, 10)) == 200


async def test_a_log_that_shows_two_histories_gets_no_second_cosignature(log: Log, witness: Witness) -> None:
    await witness.add(log.request(0, 9))
    other = Log("another history ")
    other.signer = log.signer
    assert await status(witness, other.request(9, 12)) == 422
    assert await status(witness, other.request(9, 9)) == 422
    assert await status(witness, log.request(9, 12)) == 200


DECLINED: dict[str, tuple[int, Callable[[Log], bytes]]] = {
    "an unknown log": (404, lambda log: log.request(0, 3).replace(b"example.jp/log\n3", b"other.jp/log\n3")),
    "a strange signature": (403, lambda _: Log().request(0, 3)),
    "a root that was not signed": (403, lambda log: log.request(0, 3).replace(b"\n3\n", b"\n4\n")),
    "an old size beyond the head": (400, lambda log: log.request(0, 3).replace(b"old 0", b"old 9")),
    "another old size": (409, lambda log: log.request(2, 3)),
    "a proof for nothing": (422, lambda log: log.request(0, 3).replace(b"old 0\n", b"old 0\n" + b"A" * 43 + b"=\n")),
    "no proof lines' end": (400, lambda log: log.request(0, 3).replace(b"\n\nexample", b"\nexample", 1)),
    "noise": (400, lambda _: bytes(range(256))),
    "nothing": (400, lambda _: b""),
    "a size with a zero before it": (400, lambda log: log.request(0, 3).replace(b"old 0", b"old 00")),
    "too many lines": (400, lambda log: b"old 0\n" + b"AAAA\n" * 64 + b"\n" + log.head(3).encode()),
}


@pytest.mark.parametrize("what", DECLINED)
async def test_what_is_declined_changes_nothing(log: Log, witness: Witness, what: str) -> None:
    expected, body = DECLINED[what]
    assert await status(witness, body(log)) == expected
    assert not (witness.folder / STATE).exists()


async def test_it_follows_a_log_that_changes_its_key_while_it_runs(log: Log, tmp_path: Path) -> None:
    listed, old, new = tmp_path / "key.txt", log.signer, NoteSigner.new(ORIGIN)
    listed.write_text(f"{old.vkey}\n")
    witness = feeder.opened("mogami.example/witness", listed, tmp_path / "w")
    assert await status(witness, log.request(0, 5)) == 200
    head = log.head(9)
    line = new.cosign(head).removeprefix(head)
    assert await status(witness, log.request(5, 9) + line.encode()) == 200, "in an overlap the old key is enough"
    log.signer = new
    assert await status(witness, log.request(9, 12)) == 403, "its list does not know the new one yet"
    listed.write_text(f"{old.vkey} until=9\n{new.vkey}\n")
    assert await status(witness, log.request(9, 12)) == 200
    log.signer = old
    assert await status(witness, log.request(12, 13)) == 403, "forged with a key that has ended"
    listed.write_text("half a li")
    log.signer = new
    assert await status(witness, log.request(12, 14)) == 200, "what cannot be read changes nothing"


async def test_a_head_under_a_revoked_key_is_not_cosigned(log: Log, tmp_path: Path) -> None:
    for marks, expected in (("revoked=2020-01-01T00:00:00Z", 403), ("revoked=2999-01-01T00:00:00Z", 200)):
        keys = Keys.parse(f"{log.signer.vkey} {marks}\n")
        assert await status(Witness.load("w.example/w", tmp_path / marks, keys), log.request(0, 5)) == expected


async def test_two_that_come_at_once_are_looked_at_one_after_the_other(log: Log, witness: Witness) -> None:
    told = await asyncio.gather(*(status(witness, log.request(0, size)) for size in (3, 9, 5, 7)))
    assert sorted(told) == [200, 409, 409, 409]


async def test_over_http_it_speaks_the_protocol(log: Log, witness: Witness) -> None:
    transport = httpx.ASGITransport(application(witness))
    async with httpx.AsyncClient(transport=transport, base_url="http://w") as client:
        assert (await client.get("/key")).text == f"{witness.vkey}\n"
        assert (await client.post("/add-checkpoint", content=log.request(0, 5))).text.startswith("— mogami")
        conflict = await client.post("/add-checkpoint", content=log.request(0, 6))
        assert (conflict.status_code, conflict.text) == (409, "5\n")
        assert conflict.headers["content-type"].startswith("text/x.tlog.size")
        assert (await client.post("/add-checkpoint", content=b"x" * 200_000)).status_code == 413
        line = await feeder.to_address(client, "http://w")(log.request(5, 8))
        assert cosigned(parse_head(log.head(8) + line), trusting(log, witness))


async def test_a_cosignature_that_was_changed_or_moved_to_another_head_is_found(log: Log, witness: Witness) -> None:
    line = await witness.add(log.request(0, 5))
    keys = trusting(log, witness)
    with pytest.raises(Wrong, match="altered"):
        cosigned(parse_head(log.head(6) + line), keys)
    at = line.index(" ", 5) + 12
    changed = line[:at] + ("A" if line[at] != "A" else "B") + line[at + 1 :]
    with pytest.raises(Wrong, match="altered"):
        cosigned(parse_head(log.head(5) + changed), keys)
    assert cosigned(parse_head(log.head(5) + line), Keys.parse(f"{log.signer.vkey}\n")) == [], "unknown, so passed over"


@pytest.fixture
async def served(log: Log) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    """The public side of a log, and what came back to it."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route

    from services.tracking.log import tiles

    app = Starlette()
    app.state.size, app.state.came = 3, []

    async def checkpoint(_request: Request) -> Response:
        return PlainTextResponse(log.head(app.state.size))

    async def tile(request: Request) -> Response:
        digests = [sha256(str(nth).encode()).digest() for nth in range(app.state.size)]
        _, files = tiles.append(tiles.Tree(), digests)
        return Response(files[f"tile/{request.path_params['rest']}"])

    async def came(request: Request) -> Response:
        app.state.came.append((await request.body()).decode())
        return Response(status_code=204)

    app.router.routes += [
        Route("/log/checkpoint", checkpoint),
        Route("/log/tile/{rest:path}", tile),
        Route("/log/cosignatures", came, methods=["POST"]),
    ]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://l") as client:
        yield client, app.state


async def test_the_feeder_brings_what_the_witness_asks_for_and_hands_back_what_it_signed(
    log: Log, witness: Witness, served: tuple[httpx.AsyncClient, Any]
) -> None:
    (client, state), size = served, 0
    for now in (3, 3, 17, 40):
        state.size = now
        assert (size := await feeder.feed(client, "http://l", witness.add, size)) == now
    assert await feeder.feed(client, "http://l", witness.add, 0) == 40, "a feeder that knows nothing is told"
    for note in state.came:
        head = read.parse_head(note)
        read.check_checkpoint(head, witness.logs)
        assert cosigned(head, trusting(log, witness))


async def test_a_log_that_is_away_is_a_sentence_and_asked_again(log: Log, witness: Witness) -> None:
    assert log.leaves
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(502))) as client:
        with pytest.raises(feeder.Undelivered, match="502"):
            await feeder.feed(client, "http://l", witness.add)
