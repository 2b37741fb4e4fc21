"""Against real output of the tools: for every drive our verdict is the manifest's grade, and never a wrong pass."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from services.erasure.domain.grading import Grade, Verdict, grade
from services.erasure.reports.read import Unreadable, read

TOOLS = Path(__file__).parents[4].parent / "shared" / "data" / "reports" / "tools"
PASSES = {Verdict.CLEAR, Verdict.PURGE}

# Files that no reader reads yet, each with why that is right or bearable. They are refused, never passed.
UNREAD = {
    "n33-14-nvme-zero-verify.stdout.txt": "the crash text of the C library names neither tool nor drive",
    "n36-01-zero-verify.pdf": "nwipe's PDF has no reader; the log of the same run has",
    "n42-01-zero-verify.pdf": "nwipe's PDF has no reader; the log of the same run has",
    "n42-05-system-report.pdftotext.txt": "text of nwipe's PDF",
    "n42-08-read-ioerror.pdftotext.txt": "text of nwipe's PDF",
    "nvme0-sanitize-log.json": "empty: the person is told to capture the error output as well",
    "scripted-v213-sanitize-command.console.txt": "empty: an accepted sanitize counts only inside a session document",
    "nvme-list.json": "inventory of several drives",
    "v213-nvme-list.json": "inventory of several drives",
    "nvme0-id-ctrl.txt": "the JSON form is read",
    "nvme0-id-ns.json": "names no drive and no erasure",
    "nvme0-error-log.json": "names no drive and no erasure",
    "ata1-smartctl.txt": "the JSON form is read",
    "lshw-disk.json": "inventory",
    "lsblk.txt": "inventory",
    "lsblk-b-o.json": "inventory",
    "dmidecode.txt": "inventory of the computer",
    "dmidecode-t1.txt": "inventory of the computer",
    "hm-mke2fs.txt": "a quick format is no erasure",
    "hm-wipefs-ext4.txt": "removing a signature is no erasure",
    "scsi-sda-sg_sanitize.txt": "sg3_utils has no reader yet",
}


@cache
def manifest() -> list[dict[str, Any]]:
    if not (TOOLS / "manifest.json").exists():
        return []
    found: list[dict[str, Any]] = json.loads((TOOLS / "manifest.json").read_text())
    return found


def drives(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return entry["devices"] or [{"grade": entry["grade"], "serial": None}]


def graded(entry: dict[str, Any]) -> list[Grade]:
    report = read((TOOLS / entry["file"]).read_bytes(), entry["file"])
    return [grade(finding) for finding in report.findings]


needs_samples = pytest.mark.skipif(not manifest(), reason="the folder shared/data is not beside this checkout")


@needs_samples
@pytest.mark.parametrize("entry", manifest(), ids=lambda entry: entry["file"])
def test_every_drive_gets_the_grade_of_the_manifest(entry: dict[str, Any]) -> None:
    if entry["file"] in UNREAD:
        with pytest.raises(Unreadable):
            graded(entry)
        return
    assert sorted(g.verdict for g in graded(entry)) == sorted(drive["grade"] for drive in drives(entry))


@needs_samples
def test_a_pass_is_never_given_where_the_manifest_gives_none() -> None:
    for entry in manifest():
        if entry["file"] in UNREAD:
            continue
        report = read((TOOLS / entry["file"]).read_bytes(), entry["file"])
        wanted = {(drive["serial"] or "").strip(): drive["grade"] for drive in drives(entry)}
        for finding in report.findings:
            judged = grade(finding)
            if judged.level is None:
                continue
            named = [g for serial, g in wanted.items() if serial.startswith(finding.serial) or serial == finding.serial]
            assert named, (entry["file"], finding.serial)
            assert judged.verdict in named, (entry["file"], finding.serial)


@needs_samples
def test_only_logs_of_a_whole_job_prove_anything_alone() -> None:
    for entry in manifest():
        if entry["file"] not in UNREAD:
            for judged in graded(entry):
                assert judged.level is None or entry["tool"] == "nwipe", entry["file"]


@needs_samples
def test_the_list_of_unread_files_holds_only_files_that_exist() -> None:
    assert set(UNREAD) <= {entry["file"] for entry in manifest()}
