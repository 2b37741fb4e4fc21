"""`meguru recompute`: a stranger draws the re-check again, from the published list or from the log's own entries."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from meguru.cli import app
from meguru.exported import proved
from meguru.recomputing import DIFFERENT, SAME, UNREADABLE
from services.erasure.domain.draw import VERSION, draw
from services.tracking.log import tiles
from services.tracking.log.note import Checkpoint, NoteSigner
from shared.entry import digest

LOG = NoteSigner.new("meguru.test/log")
ENGAGEMENT, FAILURES = UUID(int=7), [UUID(int=9)]
POPULATION = {UUID(int=n): UUID(int=n + 1000) for n in range(1, 42)}


def published(**changed: Any) -> bytes:
    """What `/api/erasure/draw` answers."""
    drawn = draw(ENGAGEMENT, POPULATION, FAILURES)
    return json.dumps(
        {
            "version": VERSION,
            "engagement": str(ENGAGEMENT),
            "population": {str(medium): str(entry) for medium, entry in POPULATION.items()},
            "failures": [str(one) for one in FAILURES],
            "seed": drawn.seed,
            "drawn": [{"medium": str(one), "label": "-"} for one in drawn.drawn],
        }
        | changed
    ).encode()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (published(), SAME),
        (published(failures=[]), DIFFERENT),
        (published(seed="00" * 32), DIFFERENT),
        (published(drawn=[{"medium": str(UUID(int=1))}] * 3), DIFFERENT),
        (published(engagement=str(UUID(int=8))), DIFFERENT),
        (published(version="meguru-draw-0"), UNREADABLE),
        (published(population=[]), UNREADABLE),
        (published(drawn=[{"medium": "1"}]), UNREADABLE),
        (b"{", UNREADABLE),
        (b"[]", UNREADABLE),
        (b"[" * 100_000, UNREADABLE),
        (b"\xff\xfe\x00", UNREADABLE),
    ],
)
def test_the_list_alone_gives_the_same_draw_or_says_that_it_does_not(tmp_path: Path, content: bytes, code: int) -> None:
    file = tmp_path / "draw.json"
    file.write_bytes(content)
    said = CliRunner().invoke(app, ["recompute", str(file)])
    assert said.exit_code == code, said.output
    assert "。" in said.output
    assert CliRunner().invoke(app, ["recompute", str(tmp_path / "none")]).exit_code == UNREADABLE


# ── from the log ──────────────────────────────────────────────────────────────────────────────────────────────────────

Line = tuple[bytes, bytes]  # an entry's bytes and its salt
AT = datetime(2026, 4, 8, 1, tzinfo=UTC)


def line(number: int, kind: str, data: dict[str, Any], sequence: int = 1) -> Line:
    entry = {"id": str(UUID(int=number)), "sequence": sequence, "kind": kind, "data": data}
    return json.dumps(entry).encode(), number.to_bytes(16)


def story() -> list[Line]:
    """41 media of the engagement are erased, one of them again; three more are another engagement's."""
    media = [*POPULATION, *(UUID(int=n) for n in range(42, 45))]
    lines = [line(1, "tracking.town-added.v1", {})]
    for n, medium in enumerate(media, 1):
        of = ENGAGEMENT if medium in POPULATION else UUID(int=8)
        registered = {"engagement": str(of), "media": [{"id": str(medium)}]}
        lines.append(line(500 + n, "tracking.item-registered.v1", registered))
        erased = {"medium": str(medium), "at": (AT + timedelta(minutes=n)).isoformat()}
        lines.append(line(1000 + n, "erasure.medium-erased.v1", erased, sequence=2))
    again = line(4000, "erasure.medium-erased.v1", {"medium": str(UUID(int=1))}, sequence=5)
    lines.insert(3, again)  # the log's order is no stream's
    return lines


def looked(*, passed: bool, medium: int = 2, number: int = 5000) -> Line:
    return line(number, "erasure.erasure-verified.v1", {"medium": str(UUID(int=medium)), "passed": passed}, sequence=3)


def left(folder: Path, lines: Sequence[Line], *, logged: Sequence[Line] = (), signer: NoteSigner = LOG) -> Path:
    """Leave lines as `export` does; `logged` is what the log holds where that is something else."""
    tree, files = tiles.append(tiles.Tree(), [digest(*one) for one in logged or lines])
    files |= {"checkpoint": signer.sign(str(Checkpoint(signer.name, tree.size, tree.root))).encode()}
    files |= {"key.txt": f"{LOG.vkey}\n".encode()}
    for path, content in files.items():
        (folder / "log" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "log" / path).write_bytes(content)
    (folder / "events.jsonl").write_bytes(b"".join(body + b"\n" for body, _ in lines))
    salts = "".join(f"{json.loads(body)['id']} {salt.hex()}\n" for body, salt in lines)
    (folder / "events.salts").write_text(salts, encoding="ascii")
    return folder


def asked(folder: Path, listed: bytes, *more: object) -> Any:
    file = folder / "draw.json"
    file.write_bytes(listed)
    return CliRunner().invoke(app, ["recompute", str(file), "--log", str(folder), *map(str, more)])


def of(population: dict[UUID, UUID], failures: list[UUID]) -> bytes:
    """A list in which everything follows from everything: only the log can tell whether it is true."""
    drawn = draw(ENGAGEMENT, population, failures)
    return published(
        population={str(medium): str(entry) for medium, entry in population.items()},
        failures=[str(one) for one in failures],
        seed=drawn.seed,
        drawn=[{"medium": str(one)} for one in drawn.drawn],
    )


def test_the_same_is_drawn_from_the_log_alone(tmp_path: Path) -> None:
    said = asked(left(tmp_path, story()), of(POPULATION, []))
    assert said.exit_code == SAME, said.output
    assert "署名を確認" in said.output


def test_a_look_that_failed_draws_among_the_rest_by_a_seed_of_its_own(tmp_path: Path) -> None:
    folder = left(tmp_path, [*story(), looked(passed=True, medium=3, number=4999), looked(passed=False)])
    rest = {medium: entry for medium, entry in POPULATION.items() if medium.int not in (2, 3)}
    assert asked(folder, of(rest, [UUID(int=5000)])).exit_code == SAME
    assert asked(folder, of(POPULATION, [])).exit_code == DIFFERENT, "the failure is kept silent"


# what a server may have done to its list so that it still follows from itself
LIES: dict[str, Callable[[], bytes]] = {
    "a medium left out": lambda: of(dict(list(POPULATION.items())[1:]), []),
    "a medium too many": lambda: of({**POPULATION, UUID(int=42): UUID(int=1042)}, []),
    "an entry that suits better": lambda: of({**POPULATION, UUID(int=1): UUID(int=4000)}, []),
    "a failure that was none": lambda: of(POPULATION, [UUID(int=77)]),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_list_that_is_true_in_itself_and_not_of_the_log_differs(tmp_path: Path, lie: str) -> None:
    folder = left(tmp_path, story())
    listed = LIES[lie]()
    (folder / "alone.json").write_bytes(listed)
    assert CliRunner().invoke(app, ["recompute", str(folder / "alone.json")]).exit_code == SAME
    said = asked(folder, listed)
    assert said.exit_code == DIFFERENT
    assert "一覧と書き出し" in said.output


def altered(lines: list[Line]) -> list[Line]:
    body, salt = lines[6]
    return [*lines[:6], (body.replace(b"-0000-", b"-0001-", 1), salt), *lines[7:]]


# what was done to the export behind the log's back
TAMPERS: dict[str, Callable[[list[Line]], list[Line]]] = {
    "a byte of an entry": altered,
    "a line left out": lambda lines: lines[:9] + lines[10:],
    "the last line left out": lambda lines: lines[:-1],
    "a line twice": lambda lines: [*lines, lines[-1]],
    "two lines changed over": lambda lines: [lines[1], lines[0], *lines[2:]],
    "another salt": lambda lines: [(lines[0][0], bytes(16)), *lines[1:]],
    "all of it": lambda _: [],
}


@pytest.mark.parametrize("tamper", TAMPERS)
def test_an_export_that_the_signed_head_does_not_prove_is_not_believed(tmp_path: Path, tamper: str) -> None:
    lines = story()
    said = asked(left(tmp_path, TAMPERS[tamper](lines), logged=lines), of(POPULATION, []))
    assert said.exit_code == DIFFERENT, said.output
    assert "署名されたログと一致しません" in said.output


def test_the_line_that_was_changed_is_named(tmp_path: Path) -> None:
    lines = story()
    assert "7行目" in asked(left(tmp_path, altered(lines), logged=lines), of(POPULATION, [])).output


def test_another_s_head_is_not_believed_and_a_key_brought_along_decides(tmp_path: Path) -> None:
    other = NoteSigner.new("meguru.test/log")
    folder = left(tmp_path, story(), signer=other)
    assert asked(folder, of(POPULATION, [])).exit_code == DIFFERENT
    (folder / "log" / "key.txt").write_text(f"{other.vkey}\n")
    assert asked(folder, of(POPULATION, [])).exit_code == SAME, "the forger's own key vouches for him"
    known = tmp_path / "known.txt"
    known.write_text(f"{LOG.vkey}\n")
    assert asked(folder, of(POPULATION, []), "--key", known).exit_code == DIFFERENT


@pytest.mark.parametrize("name", ["events.jsonl", "events.salts", "log/checkpoint", "log/key.txt"])
def test_what_cannot_be_read_is_a_sentence(tmp_path: Path, name: str) -> None:
    folder = left(tmp_path, story())
    for content in (None, b"\xff\xfe\n"):
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(content)
        said = asked(folder, of(POPULATION, []))
        assert said.exit_code in (UNREADABLE, DIFFERENT)
        assert "ください" in said.output


def test_only_the_kinds_that_are_asked_for_are_kept(tmp_path: Path) -> None:
    size, entries = proved(left(tmp_path, story()), ["tracking.town-added.v1"])
    assert (size, len(entries)) == (len(story()), 1)
