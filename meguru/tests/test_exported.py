"""An export that somebody changed: whatever was done to it is found, at its place, by the files alone."""

import random
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from meguru.audit import Audit
from meguru.export import EVENTS, SALTS, export
from meguru.exported import HEAD, KEYS, NoExport, examine_export, log_keys
from meguru.heads import BadHead, brought_by
from meguru.tests.world import World, worlds
from services.tracking.log import tiles
from services.tracking.log.note import Checkpoint, NoteSigner
from shared.stack.stack import Stack

TAMPERS = 400
SEED = 20261130


@pytest.fixture(scope="module")
async def world(servers: Stack) -> AsyncIterator[World]:
    async with worlds(servers) as made:
        yield made


@pytest.fixture(scope="module")
async def left(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("left")
    await export(world.stack, folder)
    return folder


def examined(folder: Path) -> Audit:
    return examine_export(folder, log_keys(folder / KEYS))


def found(folder: Path) -> set[tuple[str, int | None]]:
    return {(one.what, one.index) for one in examined(folder).findings}


def test_an_honest_export_has_no_finding(world: World, left: Path) -> None:
    result = examined(left)
    assert result.findings == []
    assert result.leaves == result.entries["export"] == len(world.carried)


Change = Callable[[random.Random, list[bytes]], set[tuple[str, int | None]]]


def a_byte(dice: random.Random, lines: list[bytes]) -> set[tuple[str, int | None]]:
    nth = dice.randrange(len(lines))
    at = dice.randrange(len(lines[nth]))
    other = dice.choice([one for one in range(256) if one not in (lines[nth][at], ord("\n"))])
    lines[nth] = lines[nth][:at] + bytes([other]) + lines[nth][at + 1 :]
    return {("bytes", nth)}


def a_line_gone(dice: random.Random, lines: list[bytes]) -> set[tuple[str, int | None]]:
    nth = dice.randrange(len(lines))
    del lines[nth]
    return {("missing", nth)}


def the_end_cut(dice: random.Random, lines: list[bytes]) -> set[tuple[str, int | None]]:
    nth = dice.randrange(len(lines))
    del lines[nth:]
    return {("missing", nth)}


def a_line_twice(dice: random.Random, lines: list[bytes]) -> set[tuple[str, int | None]]:
    nth = dice.randrange(len(lines))
    lines.insert(dice.randrange(len(lines) + 1), lines[nth])
    return {("twice", nth), ("twice", nth)}


def two_swapped(dice: random.Random, lines: list[bytes]) -> set[tuple[str, int | None]]:
    one, other = sorted(dice.sample(range(len(lines)), 2))
    lines[one], lines[other] = lines[other], lines[one]
    return {("order", one), ("order", other)}


def a_foreign_line(dice: random.Random, lines: list[bytes]) -> set[tuple[str, int | None]]:
    nth = dice.randrange(len(lines))
    lines.insert(nth, lines[nth].replace(b'"tenant":"', b'"tenant":"x', 1))
    return {("not-in-log", None)}


LINES: tuple[Change, ...] = (a_byte, a_line_gone, the_end_cut, a_line_twice, two_swapped, a_foreign_line)


def test_every_change_of_the_lines_is_found_at_its_place(left: Path, tmp_path: Path) -> None:
    dice, honest = random.Random(SEED), (left / EVENTS).read_bytes().splitlines()
    copy = tmp_path / "copy"
    shutil.copytree(left, copy)
    missed = []
    for nth in range(TAMPERS):
        lines, change = list(honest), LINES[nth % len(LINES)]
        wanted = change(dice, lines)
        (copy / EVENTS).write_bytes(b"".join(line + b"\n" for line in lines))
        said = found(copy)
        if not wanted & said or (change is not two_swapped and said - wanted):
            missed.append((nth, change.__name__, wanted, said))
    assert missed == []


def test_every_change_of_the_other_files_is_found(left: Path, tmp_path: Path) -> None:
    dice = random.Random(SEED)
    files = [left / SALTS, left / HEAD, *(one for one in sorted((left / "log" / "tile").rglob("*")) if one.is_file())]
    size = examined(left).leaves
    now = {str(one.relative_to(left)) for one in files if ".p" not in one.parts[-2] or one.name == str(size % 256)}
    missed = []
    for nth in range(TAMPERS // 2):
        name = sorted(now)[nth % len(now)]
        copy = tmp_path / "copy"
        shutil.copytree(left, copy)
        content = (copy / name).read_bytes()
        at = dice.randrange(len(content))
        (copy / name).write_bytes(content[:at] + bytes([content[at] ^ 1 << dice.randrange(8)]) + content[at + 1 :])
        if not found(copy):
            missed.append((name, at, content[at]))
        shutil.rmtree(copy)
    assert [one for one in missed if one[2] not in b"\n"] == [], "a line end may be written in another way"


def test_what_is_appended_to_a_file_of_the_log_is_found(left: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(left, copy)
    size = examined(left).leaves
    with (copy / "log" / tiles.bundle_path(size // tiles.WIDTH, size % tiles.WIDTH)).open("ab") as bundle:
        bundle.write(b"more")
    assert {what for what, _ in found(copy)} == {"tile"}


def test_more_or_less_at_the_end_of_the_lines_and_salts_is_found(left: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(left, copy)
    lines, salts = (left / EVENTS).read_bytes(), (left / SALTS).read_bytes()
    first = salts.partition(b"\n")[0]
    for name, honest, content, what in (
        (EVENTS, lines, lines[:-1], "bytes"),
        (SALTS, salts, salts + first + b"\n", "salts"),
        (SALTS, salts, salts + b"no salt at all\n", "salts"),
        (SALTS, salts, salts[:-1], "salts"),
    ):
        (copy / name).write_bytes(content)
        assert {said for said, _ in found(copy)} == {what}
        (copy / name).write_bytes(honest)
    assert found(copy) == set()


def test_a_revoked_key_and_the_key_of_certificates_vouch_for_no_head(left: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(left, copy)
    line = (left / KEYS).read_text(encoding="utf-8").splitlines()[0].partition(" ")[0]
    (copy / KEYS).write_text(f"{line} revoked=2026-12-01T00:00:00Z\n", encoding="utf-8")
    with pytest.raises(NoExport, match="no public key"):
        log_keys(copy / KEYS)
    head = Checkpoint.parse((left / HEAD).read_text(encoding="utf-8").partition("\n\n")[0] + "\n")
    for name in (f"{head.origin}/credential", "other.example/log"):
        forger = NoteSigner.new(name)
        (copy / KEYS).write_text(f"{line}\n{forger.vkey}\n", encoding="utf-8")
        (copy / HEAD).write_text(forger.sign(str(head)), encoding="utf-8")
        assert {what for what, _ in found(copy)} == {"checkpoint"}


def test_a_missing_file_of_the_log_and_one_of_the_export_are_said(left: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(left, copy)
    for tile in sorted((copy / "log" / "tile" / "0").rglob("*")):
        if tile.is_file():
            tile.unlink()
    assert {what for what, _ in found(copy)} == {"tile"}
    (copy / SALTS).unlink()
    with pytest.raises(NoExport, match="meguru export"):
        examined(copy)
    (copy / KEYS).write_text("nothing\n", encoding="utf-8")
    with pytest.raises(NoExport, match="no public key"):
        log_keys(copy / KEYS)


def test_another_history_under_another_key_is_told_by_a_key_or_a_head_from_elsewhere(
    left: Path, tmp_path: Path
) -> None:
    honest = log_keys(left / KEYS)
    forger = NoteSigner.new(honest[0].key.name)
    copy = tmp_path / "copy"
    shutil.copytree(left, copy)
    head = Checkpoint.parse((left / HEAD).read_text(encoding="utf-8").partition("\n\n")[0] + "\n")
    (copy / HEAD).write_text(forger.sign(str(head)), encoding="utf-8")
    (copy / KEYS).write_text(f"{forger.vkey}\n", encoding="utf-8")
    assert found(copy) == set(), "all of it is of one forger"
    assert {one.what for one in examine_export(copy, honest).findings} == {"checkpoint"}
    saved = tmp_path / "saved"
    shutil.copy(left / HEAD, saved)
    with pytest.raises(BadHead):
        brought_by(saved, log_keys(copy / KEYS))
    older = [brought_by(saved, honest)]
    assert examine_export(left, honest, older).findings == []
