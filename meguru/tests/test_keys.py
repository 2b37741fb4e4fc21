"""The commands as they are typed, on a folder of keys: what is published only grows, and no crash leaves half a key."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from meguru.cli import app
from services.certificates import keys, signing
from services.tracking import keys as log_keys
from services.tracking.log.keys import open_head
from services.tracking.log.note import Checkpoint, NoteSigner
from verifier.keys import Keys

# Python 3.12 warns of a fork beside threads; the children here touch files only.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

AT = datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)
ORIGIN = "meguru.example/log"
LATER = "2027-01-05T09:00:00+09:00"
KILLED = 9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    signing.publish(tmp_path, ORIGIN, AT)
    log_keys.log_signer(tmp_path, ORIGIN)
    return tmp_path


def typed(folder: Path, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["keys", *words, "--keys", str(folder)])
    assert result.exit_code == code, result.output
    return str(result.output)


def listed(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads(typed(folder, "list", "--json")))


def of_kind(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [one for one in listed(folder) if one["kind"] == kind]


def test_the_list_says_which_keys_sign_since_when_and_their_fingerprints(folder: Path) -> None:
    rows = {one["kind"]: one for one in listed(folder)}
    assert set(rows) == {"log", "credential", "pdf"}
    assert all(one["signs"] and one["revoked"] is None for one in rows.values())
    assert rows["pdf"]["fingerprint"] == signing.Signer.load(folder).fingerprint
    assert rows["pdf"]["since"] == "2026-11-24T01:02:03Z"
    assert rows["log"]["since"] is None, "tracking's file does not say"
    shown = typed(folder, "list")
    assert shown.count("署名中 signs now") == 3
    assert rows["credential"]["fingerprint"] in shown


@pytest.mark.parametrize("kind", ["pdf", "credential"])
def test_a_rotated_key_signs_from_now_on_and_the_old_one_stays_published(folder: Path, kind: str) -> None:
    before = keys.published(folder)
    (old,) = of_kind(folder, kind)
    private = {"pdf": signing.PDF_KEY, "credential": signing.CREDENTIAL_KEY}[kind]
    content = (folder / private).read_bytes()
    typed(folder, "rotate", kind)
    assert keys.published(folder).startswith(before)
    left, new = of_kind(folder, kind)
    assert left == old | {"signs": False}
    assert new["signs"]
    assert new["fingerprint"] != old["fingerprint"]
    kept = [path for path in folder.glob(f"{Path(private).stem}-*.pem") if path.read_bytes() == content]
    assert len(kept) == 1, "the old private key waits for the operator to remove it"
    assert old["fingerprint"].startswith(kept[0].stem.rpartition("-")[2])
    signing.publish(folder, ORIGIN, AT)  # what a press room does when it starts
    assert len(of_kind(folder, kind)) == 2
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*-key*.pem")} == {0o600}


def test_a_rotated_pdf_key_signs_in_the_same_name(folder: Path) -> None:
    subject = signing.load_pdf_certificate(folder).subject
    typed(folder, "rotate", "pdf")
    assert signing.load_pdf_certificate(folder).subject == subject


def test_a_pair_that_lies_in_two_files_is_rotated_too(folder: Path) -> None:
    key, _, _ = (folder / signing.PDF_KEY).read_bytes().partition(b"-----BEGIN CERTIFICATE")
    (folder / signing.PDF_KEY).write_bytes(key)
    old = signing.Signer.load(folder).fingerprint
    typed(folder, "rotate", "pdf")
    assert signing.Signer.load(folder).fingerprint != old


def test_a_revoked_key_s_line_stays_says_when_and_why_and_is_read_by_a_verifier(folder: Path) -> None:
    (old,) = of_kind(folder, "pdf")
    typed(folder, "rotate", "pdf")
    lines = keys.published(folder).splitlines()
    typed(folder, "revoke", old["fingerprint"][:8], "--at", LATER, "--reason", "金庫が  開いていた")
    after = keys.published(folder).splitlines()
    assert len(after) == len(lines)
    (changed,) = [a for a, b in zip(after, lines, strict=True) if a != b]
    key, _, remark = changed.partition(" # ")
    assert key == f"pdf-certificate-sha256 {old['fingerprint']} revoked=2027-01-05T00:00:00Z"
    assert remark == "since 2026-11-24T01:02:03Z; revoked: 金庫が 開いていた"
    assert Keys.parse(keys.trusted(folder)).certificates[old["fingerprint"]] == datetime(2027, 1, 5, tzinfo=UTC)
    assert of_kind(folder, "pdf")[0]["revoked"] == "2027-01-05T00:00:00Z"
    assert "失効 revoked" in typed(folder, "list")


def test_an_end_only_comes_earlier_never_later(folder: Path) -> None:
    (old,) = of_kind(folder, "credential")
    typed(folder, "rotate", "credential")
    revoke = ("revoke", old["fingerprint"], "--reason", "stolen", "--at")
    typed(folder, *revoke, LATER)
    for moment in (LATER, "2028-01-01T00:00:00Z"):
        assert "すでに失効" in typed(folder, *revoke, moment, code=2)
    typed(folder, *revoke, "2026-12-01T00:00:00Z")
    assert of_kind(folder, "credential")[0]["revoked"] == "2026-12-01T00:00:00Z"
    assert "revoked=2027-01-05T00:00:00Z" in keys.published(folder), "what was published is not taken back"


@pytest.mark.parametrize("kind", ["pdf", "credential", "log"])
def test_the_key_that_signs_now_is_not_revoked(folder: Path, kind: str) -> None:
    (one,) = of_kind(folder, kind)
    before = keys.published(folder)
    said = typed(folder, "revoke", one["fingerprint"], "--at", LATER, "--reason", "x", code=2)
    assert "いま署名しています" in said
    assert "signs now" in said
    assert keys.published(folder) == before


def test_the_log_s_old_key_gets_its_end_in_our_file(folder: Path) -> None:
    (old,) = of_kind(folder, "log")
    revoke = ("revoke", old["fingerprint"], "--at", LATER, "--reason", "stolen")
    said = typed(folder, "rotate", "log")
    assert "meguru keys retire" in said
    assert [one["signs"] for one in of_kind(folder, "log")] == [True, True]
    assert "meguru keys retire" in typed(folder, *revoke, code=2), "in the overlap it signs"
    assert "交換の途中" in typed(folder, "rotate", "log", code=2)
    assert old["fingerprint"] in typed(folder, "retire")
    assert "一つだけ" in typed(folder, "retire", code=2)
    asyncio.run(log_keys.Ring(folder, ORIGIN).look(1234))
    typed(folder, *revoke)
    known = Keys.parse(keys.trusted(folder))
    assert [(key.revoked is not None, key.until) for key in known.logs] == [(True, 1234), (False, None)]
    left, new = of_kind(folder, "log")
    assert (left["revoked"], left["until"], left["signs"]) == ("2027-01-05T00:00:00Z", 1234, False)
    assert (new["revoked"], new["until"], new["signs"]) == (None, None, True)
    assert new["since"]
    assert "1234件まで up to 1234 entries" in typed(folder, "list")
    assert (folder / f"log-{old['fingerprint']}.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("revoke", "abc", "--at", LATER, "--reason", "x"), "ひとつに決まりません"),
        (("revoke", "ffffffffff", "--at", LATER, "--reason", "x"), "ひとつに決まりません"),
        (("revoke", "", "--at", LATER, "--reason", "x"), "ひとつに決まりません"),
        (("revoke", "OLD", "--at", "2027-01-05T00:00:00", "--reason", "x"), "時差"),
        (("revoke", "OLD", "--at", "yesterday", "--reason", "x"), "時差"),
        (("revoke", "OLD", "--at", LATER, "--reason", "  "), "理由"),
        (("revoke", "OLD", "--at", LATER, "--reason", "x" * 201), "理由"),
        (("revoke", "OLD", "--at", LATER, "--reason", "a\x00b"), "理由"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_changes_nothing(folder: Path, words: tuple[str, ...], why: str) -> None:
    (old,) = of_kind(folder, "pdf")
    typed(folder, "rotate", "pdf")
    before = keys.published(folder)
    assert why in typed(folder, *[old["fingerprint"] if word == "OLD" else word for word in words], code=2)
    assert keys.published(folder) == before


def test_before_the_first_start_the_commands_say_what_to_wait_for(tmp_path: Path) -> None:
    for words in (
        ("list",),
        ("rotate", "pdf"),
        ("rotate", "credential"),
        ("rotate", "log"),
        ("retire",),
        ("revoke", "a" * 8, "--at", LATER, "--reason", "x"),
    ):
        assert "公開鍵がまだありません" in typed(tmp_path, *words, code=2)


def test_a_press_room_does_not_sign_with_a_key_that_has_ended(folder: Path) -> None:
    path = folder / keys.PUBLIC
    path.write_text(path.read_text().replace(" # since", " revoked=2026-11-24T00:00:00Z # since"))
    with pytest.raises(signing.BadKey, match="失効しています"):
        signing.publish(folder, ORIGIN, AT)


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do a piece of work in a process that is killed before its nth change on disk. Returns whether it was killed."""
    child = os.fork()
    if child == 0:
        left = step

        def watch(event: str, _: tuple[object, ...]) -> None:
            nonlocal left
            if event in ("os.rename", "os.link", "os.remove", "os.truncate"):
                left -= 1
                if left < 0:
                    os._exit(KILLED)

        sys.addaudithook(watch)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == KILLED


@pytest.mark.parametrize("kind", ["pdf", "credential"])
def test_a_rotation_killed_anywhere_leaves_a_key_that_signs_and_is_published(folder: Path, kind: str) -> None:
    def work() -> None:
        if kind == "pdf":
            signing.rotate_pdf(folder, AT)
        else:
            signing.rotate_credential(folder, ORIGIN, AT)

    before, steps = keys.published(folder), 0
    while killed_at(steps, work):
        steps += 1
        assert keys.published(folder).startswith(before)
        signs = [one["fingerprint"] for one in of_kind(folder, kind) if one["signs"]]
        assert len(signs) == 1
        signing.publish(folder, ORIGIN, AT + timedelta(days=1))
    assert steps >= 3, "the public half, the old one kept, the new one in its place"
    assert len(of_kind(folder, kind)) > 1


def test_a_log_s_rotation_killed_anywhere_can_be_done_again_and_never_leaves_it_without_a_key(folder: Path) -> None:
    path, ring = folder / log_keys.PUBLIC, log_keys.Ring(folder, ORIGIN)
    size = steps = 0
    for act in (log_keys.rotate, log_keys.retire):
        steps = 0
        while killed_at(steps, lambda act=act: act(folder, AT)):  # type: ignore[misc]  # bound for this turn
            steps += 1
            size += 1
            before = {line.key for line in log_keys.published(folder)}
            asyncio.run(ring.look(size))
            head = ring.sign(str(Checkpoint(ORIGIN, size + 1, bytes(32))))
            assert open_head(head, log_keys.published(folder)).size == size + 1
            assert before == {line.key for line in log_keys.published(folder)}, "no line goes"
        assert steps >= 2
    asyncio.run(ring.look(size + 1))
    *left, now = log_keys.published(folder)
    assert all(one.until is not None for one in left)
    assert log_keys.signing(folder) == {now.key}
    Keys.parse(path.read_text())


def test_a_revocation_killed_anywhere_is_said_wholly_or_not_at_all(folder: Path) -> None:
    (old,) = of_kind(folder, "credential")
    typed(folder, "rotate", "credential")
    line = next(one for one in keys.lines(keys.published(folder)) if one.fingerprint == old["fingerprint"])
    before, steps = keys.published(folder), 0
    while killed_at(steps, lambda: keys.revoke(folder, line, AT, "stolen")):
        steps += 1
        assert keys.published(folder) == before
    assert steps > 0
    assert of_kind(folder, "credential")[0]["revoked"] == "2026-11-24T01:02:03Z"


def test_two_who_publish_at_once_lose_no_line(folder: Path) -> None:
    made = [f"timestamp-certificate-sha256 {n:064x}" for n in range(12)]
    children = []
    for key in made:
        child = os.fork()
        if child == 0:
            keys.add(folder, [key], AT)
            os._exit(0)
        children.append(child)
    assert all(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0 for child in children)
    assert set(made) <= {line.key for line in keys.lines(keys.published(folder))}


def test_a_key_that_serves_two_purposes_is_refused(folder: Path) -> None:
    own = signing.load_credential_key(folder)
    (folder / keys.LOG).write_text(f"{NoteSigner.from_pem(ORIGIN, own.private_bytes(*signing.UNENCRYPTED)).vkey}\n")
    with pytest.raises(signing.BadKey, match="二つの役目"):
        signing.publish(folder, ORIGIN, AT)
