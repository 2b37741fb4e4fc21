"""Against real output of the tools: for every drive our verdict is the manifest's grade, and never a wrong pass."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from services.erasure.domain.finding import Finding
from services.erasure.domain.grading import Verdict, grade
from services.erasure.reports.read import read_alone

REPORTS = Path(__file__).parents[4].parent / "shared" / "data" / "reports"
TOOLS = REPORTS / "tools"
FILES = 101
PASSES = {Verdict.CLEAR, Verdict.PURGE}

# Where our answer differs from the manifest's words, and why. A difference may only be a stricter one.
DIFFERS = {
    "dmidecode.txt": ("not-evidence", "the manifest says “mixed” and lists no drive: a computer is no drive"),
    "dmidecode-t1.txt": ("not-evidence", "as dmidecode.txt"),
}


@cache
def manifest() -> list[dict[str, Any]]:
    if not (TOOLS / "manifest.json").exists():
        return []
    found: list[dict[str, Any]] = json.loads((TOOLS / "manifest.json").read_text())
    return found


def drives(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return entry["devices"] or [{"grade": entry["grade"], "serial": None}]


def findings(file: str) -> tuple[Finding, ...]:
    return read_alone((TOOLS / file).read_bytes(), file).findings


def of_drive(drive: dict[str, Any], found: tuple[Finding, ...]) -> list[Finding]:
    """By serial, as far as tools print it (cut, blanks replaced), else by kernel name, else what names no drive."""
    serial = str(drive["serial"] or "").strip()
    spelled = {serial, serial.replace(" ", "_"), serial.replace("|", "_")}
    same = [one for one in found if one.serial and any(way.startswith(one.serial) for way in spelled)]
    named = [one for one in same if one.device == drive.get("kernel_name")]
    return (
        named
        or same
        or [one for one in found if one.device and one.device == drive.get("kernel_name")]
        or [one for one in found if not one.serial]
    )


needs_samples = pytest.mark.skipif(not manifest(), reason="the folder shared/data is not beside this checkout")


@needs_samples
def test_every_file_of_the_folder_is_in_the_manifest() -> None:
    named = {entry["file"] for entry in manifest()}
    assert len(named) == FILES
    assert named == {path.name for path in TOOLS.iterdir()} - {"README.md", "manifest.json"}
    assert set(DIFFERS) <= named


@needs_samples
@pytest.mark.parametrize("entry", manifest(), ids=lambda entry: entry["file"])
def test_every_drive_gets_the_grade_of_the_manifest(entry: dict[str, Any]) -> None:
    found = findings(entry["file"])
    for drive in drives(entry):
        wanted, _ = DIFFERS.get(entry["file"], (drive["grade"], ""))
        of = of_drive(drive, found)
        assert of, drive["serial"]
        assert {str(grade(one).verdict) for one in of} == {wanted}, drive["serial"]
    if all(one.serial or one.device for one in found):
        assert len(found) == len(drives(entry))


@needs_samples
def test_a_pass_is_never_given_where_the_manifest_gives_none() -> None:
    for entry in manifest():
        passing = [one for one in findings(entry["file"]) if grade(one).verdict in PASSES]
        wanted = [drive for drive in drives(entry) if drive["grade"] in PASSES]
        assert len(passing) == len(wanted), entry["file"]
        for drive in wanted:
            (of,) = of_drive(drive, findings(entry["file"]))
            assert grade(of).verdict == drive["grade"], entry["file"]


@needs_samples
def test_only_reports_of_a_whole_job_of_a_named_drive_prove_anything_alone() -> None:
    for entry in manifest():
        for one in findings(entry["file"]):
            judged = grade(one)
            assert judged.level is None or (entry["tool"] == "nwipe" and judged.bound and judged.fresh), entry["file"]


# file | serial, kind and verdict of each drive | the computer
OTHERS = """
smartctl/smart-ata-full.json  | S3YZNB0KB00864E ssd not-evidence|
smartctl/smart-ata.json  | 9RK1XXXX hdd not-evidence|
smartctl/smart-ata2.json  | S24ZN902000L ssd not-evidence|
smartctl/smart-fail.json  | - unknown not-evidence|
smartctl/smart-nvme-failed.json  | S466NX0M776250H nvme not-evidence|
smartctl/smart-nvme.json  | BTNH93710FS91P0B nvme not-evidence|
smartctl/smart-sat.json  | - unknown not-evidence|
smartctl/smart-scsi.json  | Z1Z5DWJK0000XXXXXXXX hdd not-evidence|
workbench/hp_probook_450.json  | S3P9A80F hdd unknown| CND4286ZJ2
workbench/snapshot-workbench11.json  | LDS645R002202 ssd not-evidence| CNU406CLGR
workbench/snapshot_workbench-script.json|TW0XXM305508539G1361 ssd not-evidence, S33HNX0J203755R ssd not-evidence|5CQ6VY1
"""


@needs_samples
@pytest.mark.parametrize("row", OTHERS.strip().splitlines(), ids=lambda row: row.partition("|")[0].strip())
def test_the_other_samples_are_read(row: str) -> None:
    file, said, host = (cell.strip() for cell in row.split("|"))
    found = read_alone((REPORTS / file).read_bytes(), file).findings
    assert [f"{one.serial or '-'} {one.kind} {grade(one).verdict}" for one in found] == said.split(", ")
    assert {one.host_serial for one in found} == {host}


@needs_samples
def test_the_rows_of_the_other_samples_name_them_all() -> None:
    there = {f"{folder}/{path.name}" for folder in ("smartctl", "workbench") for path in (REPORTS / folder).iterdir()}
    assert there == {row.partition("|")[0].strip() for row in OTHERS.strip().splitlines()}
