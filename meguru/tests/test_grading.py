"""`meguru grade`: one object a drive, in the words that others know, and exit codes that mean something."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from meguru.cli import app
from meguru.grading import language_of
from services.erasure.domain.grading import Verdict, grade
from services.erasure.reports.before import since
from services.erasure.reports.read import read_alone
from services.erasure.tests.capture import session

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
    (["hdparm-sanitize-completed.txt"], ["hdparm-sanitize-idle.txt"], 1, [("purge", False, False)]),  # texts, no times
    (["hdparm-sanitize-completed.txt"], ["hdparm-sanitize-running.txt"], 1, [("purge", False, False)]),
    (["hdparm-sanitize-completed.txt"], ["hdparm-sanitize-failed.txt"], 1, [("purge", False, False)]),
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


def test_a_job_that_ends_in_the_future_is_none(tmp_path: Path) -> None:
    ahead = tmp_path / "nwipe.log"
    ahead.write_text((SAMPLES / ONE).read_text().replace("2025/11/", "2099/11/"))
    said = run(str(ahead), "--json", "--lang", "en")
    (drive,) = json.loads(said[1])
    assert (said[0], drive["grade"], drive["proved"]) == (1, "unknown", None)
    assert "done-after-received" in drive["codes"]


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


NVME_TEXT = "nvme-sanitize-completed.txt"
NEVER_TEXT = """Sanitize Progress                      (SPROG) :  65535
Sanitize Status                        (SSTAT) :  0
Sanitize Command Dword 10 Information (SCDW10) :  0
"""


@pytest.mark.parametrize("status", ["0", "0x2", "0x103"])
def test_two_console_texts_without_a_time_are_never_fresh_whichever_came_first(tmp_path: Path, status: str) -> None:
    before = tmp_path / "before.txt"
    before.write_text(NEVER_TEXT.replace(":  0\n", f":  {status}\n", 1))
    code, said = run(str(SAMPLES / NVME_TEXT), "--before", str(before), "--json", "--lang", "en")
    (drive,) = json.loads(said)
    assert (code, drive["grade"], drive["fresh"]) == (1, "purge", False)
    assert "undated-texts" in drive["codes"]
    assert any("record a session" in reason for reason in drive["reasons"])


def test_no_console_sample_is_made_fresh_by_any_other() -> None:
    texts = [path for path in SAMPLES.iterdir() if path.name.startswith(("hdparm", "nvme")) and path.suffix == ".txt"]
    reports = [read_alone(path.read_bytes(), path.name) for path in texts]
    assert len(reports) > 20
    for after in reports:
        for before in reports:
            assert not any(grade(one).fresh for one in since([before], after).findings), (after, before)


def test_a_json_and_a_console_text_are_no_pair_either(tmp_path: Path) -> None:
    before = tmp_path / "before.txt"
    before.write_text(NEVER_TEXT)
    for text in (NEVER_TEXT, "/dev/nvme0\n" + NEVER_TEXT):
        before.write_text(text)
        drives = json.loads(run(str(SAMPLES / DONE), "--before", str(before), "--json")[1])
        assert [drive["fresh"] for drive in drives] == [False]


def changed(folder: Path, name: str, old: str, new: str) -> str:
    """Write a sample with one thing replaced, and give its path."""
    text = (SAMPLES / name).read_text()
    assert old in text
    path = folder / f"changed-{name}"
    path.write_text(text.replace(old, new))
    return str(path)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (ONE, "S64DNX0R900417", "MGRSIM0417R900"),
        (ONE, "KAWASEMI PM9 256", "MGRSIM PM9 256"),
        (ONE, "PC-0418", "MGRSIM-PC-1-1"),
        ("blancco-entries.xml", "state: Successful", "【模擬】"),
        ("nwipe-0.42-system.pdftotext.txt", "Name: ERASED", "Name: 【模擬】"),
    ],
)
def test_what_is_simulated_is_no_evidence_and_says_so(tmp_path: Path, name: str, old: str, new: str) -> None:
    code, said = run(changed(tmp_path, name, old, new), "--json", "--lang", "ja")
    assert code == 1
    for drive in json.loads(said):
        assert (drive["grade"], drive["proved"], drive["codes"][0]) == ("not-evidence", None, "simulated")
        assert "模擬" in drive["reasons"][0]


def test_a_job_that_began_before_the_state_before_was_over_is_not_fresh(tmp_path: Path) -> None:
    later = changed(tmp_path, ONE, "2025/11/04", "2025/11/05")
    for report, before, wanted in ((str(SAMPLES / ONE), later, (1, False)), (later, str(SAMPLES / ONE), (0, True))):
        code, said = run(report, "--before", before, "--json")
        (drive,) = json.loads(said)
        assert (code, drive["fresh"]) == wanted
        assert ("before-is-later" in drive["codes"]) == (not drive["fresh"])


def test_a_session_is_no_state_before_itself(tmp_path: Path) -> None:
    whole = session(("identify", "nvme-id-ctrl.json"), ("before", NEVER), ("command", ""), ("after", DONE))
    (tmp_path / "session.json").write_bytes(whole)
    path = str(tmp_path / "session.json")
    assert run(path)[0] == 0
    code, said = run(path, "--before", path, "--json")
    assert (code, json.loads(said)[0]["codes"][-1]) == (1, "before-already-completed")


def test_that_a_state_was_taken_first_is_said_to_be_a_claim() -> None:
    for before, is_fresh in ((NEVER, True), (DONE, False)):
        _, (drive,) = graded([DONE], [before])
        assert (drive["fresh"], "order-claimed" in drive["codes"]) == (is_fresh, is_fresh)


def test_of_a_drive_in_several_runs_there_is_one_object(tmp_path: Path) -> None:
    log = (SAMPLES / ONE).read_text()
    (tmp_path / "day.log").write_text(log + log.replace("2025/11/04", "2025/11/05").replace(" Erased ", "UABORTED"))
    code, said = run(str(tmp_path / "day.log"), "--json")
    assert (code, [drive["grade"] for drive in json.loads(said)]) == (1, ["incomplete"])


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
