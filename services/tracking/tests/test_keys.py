"""The log's keys through a rotation: what its heads carry, and what is believed before, in and after the overlap."""

from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from services.tracking import keys
from services.tracking.keys import LEAVING, PRIVATE, PUBLIC, CannotSign, Ring, log_signer
from services.tracking.log.keys import open_head, parse
from services.tracking.log.note import BadNote, Checkpoint, NoteSigner, split
from services.tracking.tests.readers import Web
from shared.refused import Refused
from shared.settings import settings
from verifier import log
from verifier.keys import Keys
from verifier.verdict import Wrong

ORIGIN = "meguru.test/log"
AT = datetime(2027, 1, 5, tzinfo=UTC)


def text(size: int) -> str:
    return str(Checkpoint(ORIGIN, size, sha256(str(size).encode()).digest()))


def signers(note: str) -> list[str]:
    return [identifier.hex() for _, identifier, _ in split(note)[1]]


def believed(note: str, list_of_keys: str) -> bool:
    """Whether the verifier and the audit, which share no code here, believe a head; they have to agree."""
    try:
        open_head(note, parse(list_of_keys))
        audited = True
    except BadNote:
        audited = False
    try:
        log.check_checkpoint(log.parse_head(note), Keys.parse(list_of_keys))
    except Wrong:
        assert not audited
        return False
    assert audited
    return True


@pytest.fixture
async def ring(tmp_path: Path) -> Ring:
    ring = Ring(tmp_path, ORIGIN)
    await ring.look(0)
    return ring


async def test_what_was_signed_before_during_and_after_an_overlap_is_believed(ring: Ring) -> None:
    folder = ring.folder
    first = (folder / PUBLIC).read_text()
    heads = {"before": ring.sign(text(10))}
    await ring.look(10)
    new = keys.rotate(folder, AT)
    assert signers(ring.sign(text(11))) == signers(heads["before"]), "what is loaded signs on"
    await ring.look(11)
    heads["overlap"] = ring.sign(text(12))
    (old,) = signers(heads["before"])
    assert signers(heads["overlap"]) == [new.id.hex(), old]
    overlapping = (folder / PUBLIC).read_text()
    assert keys.retire(folder, AT).id.hex() == old
    await ring.look(12)
    heads["after"] = ring.sign(text(13))
    assert signers(heads["after"]) == [new.id.hex()]
    last = (folder / PUBLIC).read_text()
    assert f"{first.strip()} until=12 # retired 2027-01-05T00:00:00Z\n" in last
    assert last.endswith(f"{new} # since 2027-01-05T00:00:00Z\n")
    for name, head in heads.items():
        assert believed(head, last), name
        assert believed(head, overlapping), name
        assert believed(head, first) == (name != "after"), "who has only the old key follows until the overlap ends"


async def test_a_head_forged_with_the_old_key_after_its_end_is_not_believed(ring: Ring) -> None:
    thief = NoteSigner.from_pem(ORIGIN, (ring.folder / PRIVATE).read_bytes())
    keys.rotate(ring.folder, AT)
    await ring.look(20)
    keys.retire(ring.folder, AT)
    await ring.look(21)
    known = (ring.folder / PUBLIC).read_text()
    assert "until=21" in known
    assert believed(thief.sign(text(21)), known)
    for size in (22, 23, 10**9):
        assert not believed(thief.sign(text(size)), known)
        assert not believed(NoteSigner.new(ORIGIN).cosign(thief.sign(text(size))), known), (
            "a stranger vouches for nothing"
        )
        assert believed(NoteSigner.from_pem(ORIGIN, (ring.folder / PRIVATE).read_bytes()).sign(text(size)), known)
    with pytest.raises(Wrong, match="ended at 21 entries, this checkpoint has 22"):
        log.check_checkpoint(log.parse_head(thief.sign(text(22))), Keys.parse(known))


async def test_an_end_comes_with_the_next_head_whoever_signs_it_and_only_once(ring: Ring) -> None:
    keys.rotate(ring.folder, AT)
    await ring.look(5)
    keys.retire(ring.folder, AT)
    other = Ring(ring.folder, ORIGIN)  # the next sequencer
    await other.look(7)
    await ring.look(9)
    assert (ring.folder / PUBLIC).read_text().count("until=7") == 1
    assert signers(ring.sign(text(10))) == signers(other.sign(text(10)))
    keys.rotate(ring.folder, AT)
    await ring.look(11)
    keys.retire(ring.folder, AT)
    await ring.look(12)
    assert [one.until for one in keys.published(ring.folder)] == [7, 12, None]


async def test_an_end_told_beforehand_holds_where_the_folder_is_a_read_only_secret(ring: Ring) -> None:
    keys.rotate(ring.folder, AT)
    path = ring.folder / PUBLIC
    old, new = path.read_text().splitlines()
    path.write_text(f"{old} until=30\n{new}\n")
    await ring.look(10)
    assert len(signers(ring.sign(text(30)))) == 2
    assert len(signers(ring.sign(text(31)))) == 1
    (ring.folder / f".{PUBLIC}.new").mkdir()  # from here on nothing can be written
    keys_left = (ring.folder / LEAVING).rename(ring.folder / "log-old.pem")
    await ring.look(31)
    assert len(signers(ring.sign(text(32)))) == 1
    path.write_text(f"{old}\n{new}\n")
    with pytest.raises(CannotSign, match=r"write [0-9a-f]{8} until=31"):
        await ring.look(31)
    assert keys_left.exists()


async def test_a_key_that_is_gone_is_not_silently_replaced(ring: Ring) -> None:
    before = ring.sign(text(3))
    (ring.folder / PRIVATE).unlink()
    for attempt in (Ring(ring.folder, ORIGIN), ring):
        with pytest.raises(CannotSign, match="put it back"):
            await attempt.look(3)
    with pytest.raises(CannotSign, match="put it back"):
        log_signer(ring.folder, ORIGIN)
    new = keys.rotate(ring.folder, AT)
    await ring.look(3)
    assert signers(ring.sign(text(4))) == [new.id.hex()]
    assert believed(before, (ring.folder / PUBLIC).read_text())
    assert [one.until for one in keys.published(ring.folder)] == [3, None]


async def test_a_key_that_is_not_published_or_has_ended_signs_nothing(ring: Ring) -> None:
    (ring.folder / PRIVATE).write_bytes(NoteSigner.new(ORIGIN).to_pem())
    with pytest.raises(CannotSign, match="publish it there first"):
        await ring.look(1)
    signer = NoteSigner.from_pem(ORIGIN, (ring.folder / PRIVATE).read_bytes())
    (ring.folder / PUBLIC).write_text(f"{signer.vkey} until=4\n")
    await ring.look(1)
    assert ring.sign(text(4))
    with pytest.raises(CannotSign, match="may sign a head of 5"):
        ring.sign(text(5))


async def test_what_cannot_be_done_is_said(ring: Ring, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="一つだけが署名"):
        keys.retire(ring.folder, AT)
    keys.rotate(ring.folder, AT)
    with pytest.raises(Refused, match="交換の途中"):
        keys.rotate(ring.folder, AT)
    (tmp_path / "empty").mkdir()
    for act in (keys.rotate, keys.retire):
        with pytest.raises(Refused, match="まだありません"):
            act(tmp_path / "empty", AT)
    assert keys.signing(tmp_path / "empty") == set()


def test_the_published_lines_are_read_as_the_verifier_reads_them() -> None:
    one, two = NoteSigner.new(ORIGIN).vkey, NoteSigner.new(ORIGIN).vkey
    said = f"# all\n\n{one} until=9 # since x\n{two} revoked=2027-01-05T00:00:00Z until=4\n{one} until=7\n"
    assert [(line.key, line.until) for line in parse(said)] == [(one, 7), (two, 4)]
    assert [(b64encode(key.public), key.until) for key in Keys.parse(said).logs] == [
        (b64encode(one.public), 7),
        (b64encode(two.public), 4),
    ]


async def test_every_key_there_ever_was_is_shown_to_everybody(web: Web) -> None:
    folder = settings().keys
    ring = Ring(folder, ORIGIN)
    await ring.look(0)
    new = keys.rotate(folder, AT)
    await ring.look(11)
    keys.retire(folder, AT)
    await ring.look(12)
    old, _ = keys.published(folder)
    listed = (await web.get("/log/key")).text
    assert [(line.key, line.until) for line in parse(listed)] == [(old.key, 12), (new, None)]
    for lang, until in (("ja", "12件まで"), ("en", "up to 12")):
        page = (await web.get("/keys", lang=lang)).text
        assert page.index(str(new)) < page.index(str(old.key)), "the one that signs is on top"
        assert until in page
