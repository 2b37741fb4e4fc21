"""`meguru grade`: one object a drive, in the words that others know, and exit codes that mean something."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from meguru.cli import app
from meguru.grading import language_of
from services.erasure.domain.grading import Verdict

SAMPLES = Path(__file__).parents[2] / "services" / "erasure" / "tests" / "samples"
DONE, NEVER, RUNS = (f"nvme-sanitize-{state}.json" for state in ("completed", "never", "running"))
TWO, ONE = "nwipe-0.42-two-drives.log", "nwipe-0.32-nvme.log"


def run(*arguments: str) -> tuple[int, str]:
    said = CliRunner().invoke(app, ["grade", *arguments])
    assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
    return said.exit_code, said.stdout


def graded(files: Sequence[str], before: Sequence[str] = (), *more: str) -> tuple[int, list[dict[str, Any]]]:
    given = [str(SAMPLES / name) for name in files]
    code, said = run(*given, *(part for name in before for part in ("--before", str(SAMPLES / name))), "--json", *more)
    drives = json.loads(said)
    assert isinstance(drives, list)
    return code, drives


# files | before | exit code | grade, bound, fresh of each drive
CASES: list[tuple[list[str], list[str], int, list[tuple[str, bool, bool]]]] = [
    ([ONE], [], 0, [("clear", True, True)]),
    ([TWO], [], 1, [("clear", True, True), ("failed", True, True)]),
    ([ONE, TWO], [], 1, [("clear", True, True), ("clear", True, True), ("failed", True, True)]),
    ([ONE], [ONE], 1, [("clear", True, False)]),  # the same log lay there before: an earlier job
    ([ONE], [TWO], 0, [("clear", True, True)]),
    ([DONE], [], 1, [("purge", False, False)]),
    ([DONE], [NEVER], 1, [("purge", False, True)]),
    ([DONE], ["nvme-sanitize-failed.json"], 1, [("purge", False, True)]),
    ([DONE], [DONE], 1, [("purge", False, False)]),
    ([DONE], [RUNS], 1, [("purge", False, False)]),
    ([DONE], ["nvme-sanitize-completed.txt"], 1, [("purge", False, False)]),  # that text names no device
    ([DONE], ["nvme-id-ctrl.json"], 1, [("purge", False, False)]),  # an inventory is no state
    (["hdparm-sanitize-completed.txt"], ["hdparm-sanitize-idle.txt"], 1, [("purge", False, True)]),
    (["hdparm-sanitize-completed.txt"], ["hdparm-identify-hdd.txt"], 1, [("purge", False, False)]),
    (["nvme-sanitize-failed.json"], [NEVER], 1, [("failed", False, False)]),
    (["lsblk.json"], [], 1, [("not-evidence", True, False)] * 2),
    (["attestation.txt"], [], 1, [("unknown", True, False)]),
    (["blancco-entries.xml"], [], 0, [("clear", True, True)]),
]


@pytest.mark.parametrize(("files", "before", "code", "wanted"), CASES, ids=lambda value: str(value)[:60])
def test_each_drive_is_one_object(
    files: list[str], before: list[str], code: int, wanted: list[tuple[str, bool, bool]]
) -> None:
    exit_code, drives = graded(files, before)
    assert [(drive["grade"], drive["bound"], drive["fresh"]) for drive in drives] == wanted
    assert exit_code == code
    for drive in drives:
        assert {"serial", "model", "grade", "bound", "fresh", "reasons"} <= set(drive)
        assert drive["grade"] in set(Verdict)
        assert drive["reasons"]
        assert len(drive["reasons"]) == len(drive["codes"])
        passes = drive["grade"] in ("clear", "purge")
        assert (drive["proved"] is not None) == (passes and drive["bound"] and drive["fresh"])


def test_an_unconfirmed_reader_says_so_wherever_its_grade_is_shown() -> None:
    _, (drive,) = graded(["blancco-entries.xml"], (), "--lang", "ja")
    assert "reader-unconfirmed" in drive["codes"]
    assert any("確かめられていません" in reason for reason in drive["reasons"])
    table = run(str(SAMPLES / "blancco-entries.xml"), "--lang", "ja")[1]
    assert "実物の報告で確かめ" in "".join(letter for letter in table if letter not in " \n│")


def test_reasons_are_in_the_person_s_language() -> None:
    assert "Times and records show that it was done in this job." in graded([ONE], [], "--lang", "en")[1][0]["reasons"]
    assert any("この作業で実施された" in reason for reason in graded([ONE], [], "--lang", "ja")[1][0]["reasons"])


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, "ja"),
        ({"LANG": "C.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "ja_JP"}, "ja"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_language_is_the_terminal_s(environment: dict[str, str], wanted: str) -> None:
    assert language_of(environment) == wanted


def test_what_cannot_be_read_is_2_and_stops_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("hello")
    code, said = run(str(tmp_path / "holiday.txt"), str(tmp_path / "missing"), str(SAMPLES / ONE), "--json")
    drives = json.loads(said)
    assert code == 2
    assert [(drive["grade"], drive["bound"], drive["fresh"]) for drive in drives] == [
        ("unknown", False, False), ("unknown", False, False), ("clear", True, True),
    ]  # fmt: skip
    assert [drive["codes"][0] for drive in drives[:2]] == ["unreadable"] * 2
    code, said = run(str(SAMPLES / ONE), "--before", str(tmp_path / "holiday.txt"), "--json")
    assert (code, len(json.loads(said))) == (2, 1)


def test_before_takes_several_files() -> None:
    given = [str(SAMPLES / DONE), "--before", str(SAMPLES / "nvme-id-ctrl.json"), str(SAMPLES / NEVER), "--json"]
    for order in (given, [*given[1:3], *given[:1], *given[1:2], *given[3:]]):
        code, said = run(*order)
        assert (code, [drive["fresh"] for drive in json.loads(said)]) == (1, [True])


def test_silence_is_a_claim_at_most(tmp_path: Path) -> None:
    for name, wanted in (("sanitize.txt", "unknown"), ("sanitize-log.json", "not-evidence")):
        (tmp_path / name).write_bytes(b"\n")
        code, said = run(str(tmp_path / name), "--json")
        assert (code, json.loads(said)[0]["grade"]) == (1, wanted)


def test_people_see_a_table_and_device_text_stays_text(tmp_path: Path) -> None:
    hostile = (SAMPLES / TWO).read_text().replace("W7K04182", "[red]W7K[/]")
    (tmp_path / "[bold].log").write_text(hostile)
    code, said = run(str(tmp_path / "[bold].log"), "--lang", "en")
    assert code == 1
    assert "[red]W7K[/]" in said.replace("\n", "")
    assert "1 of 2 drives are proved" in said
