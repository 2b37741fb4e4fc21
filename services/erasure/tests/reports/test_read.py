from pathlib import Path

import pytest

from services.erasure.domain.grading import grade
from services.erasure.domain.technique import MediumKind
from services.erasure.reports.read import Unreadable, read
from services.erasure.reports.text import CONTENT_MAX
from services.erasure.tests.capture import SAMPLES

# file | source | serial of the first drive | kind | technique | verdict per drive
TABLE = """
nvme-sanitize-never.json                  |nvme-sanitize-log|              |nvme   |none                  |not-evidence
nvme-sanitize-running.json                |nvme-sanitize-log|              |nvme   |nvme-sanitize-block   |incomplete
nvme-sanitize-completed.json              |nvme-sanitize-log|              |nvme   |nvme-sanitize-block   |purge
nvme-sanitize-failed.json                 |nvme-sanitize-log|              |nvme   |nvme-sanitize-block   |failed
nvme-sanitize-completed.txt               |nvme-sanitize-log|              |nvme   |nvme-sanitize-crypto  |purge
nvme-id-ctrl.json                         |nvme-id-ctrl     |S64DNX0R900417|nvme   |none                  |not-evidence
nvme-format.txt                           |nvme-reply       |              |nvme   |nvme-format           |unknown
hdparm-identify-hdd.txt                   |hdparm           |W7K04182      |hdd    |none                  |not-evidence
hdparm-identify-ssd.txt                   |hdparm           |00012E34      |ssd    |none                  |not-evidence
hdparm-no-hidden-area.txt                 |hdparm           |              |unknown|none                  |not-evidence
hdparm-sanitize-idle.txt                  |hdparm           |              |unknown|none                  |not-evidence
hdparm-sanitize-running.txt               |hdparm           |              |unknown|ata-sanitize          |incomplete
hdparm-sanitize-completed.txt             |hdparm           |              |unknown|ata-sanitize          |purge
hdparm-sanitize-failed.txt                |hdparm           |              |unknown|none                  |failed
hdparm-command-overwrite.txt              |hdparm           |              |unknown|ata-sanitize-overwrite|incomplete
hdparm-command-security-erase.txt         |hdparm           |              |unknown|ata-security-erase    |unknown
hdparm-command-security-erase-rejected.txt|hdparm           |              |unknown|ata-security-erase    |failed
nwipe-0.42-two-drives.log                 |nwipe            |W7K04182      |unknown|overwrite             |clear failed
nwipe-0.32-nvme.log                       |nwipe            |S64DNX0R900417|nvme   |overwrite             |clear
dd-whole-device.txt                       |home-made        |              |unknown|overwrite             |unknown
blkdiscard.txt                            |home-made        |              |unknown|discard               |unknown
smartctl.json                             |smartctl         |W7K04182      |hdd    |none                  |not-evidence
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_source_is_recognised_and_says_what_it_shows(row: list[str]) -> None:
    file, source, serial, kind, technique, verdicts = row
    report = read((SAMPLES / file).read_bytes(), file)
    first = report.findings[0]
    assert [report.source, first.serial, first.kind, first.technique] == [source, serial, kind, technique]
    assert [grade(finding).verdict for finding in report.findings] == verdicts.split()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_windows_line_ends_and_a_byte_order_mark_change_nothing(row: list[str]) -> None:
    content = (SAMPLES / row[0]).read_bytes()
    assert read(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"), row[0]).findings == read(content, row[0]).findings


def test_every_sample_file_is_in_the_table() -> None:
    files = {path.name for path in SAMPLES.iterdir() if path.suffix in {".json", ".txt", ".log"}}
    used_in_sessions = {
        "hdparm-identify-ssd-locked.txt",
        "hdparm-hidden-area.txt",
        "hdparm-command-block-erase.txt",
        "hdparm-command-crypto-scramble.txt",
    }
    assert files == {row[0] for row in ROWS} | used_in_sessions


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "空です"),
        (b" \n\n", "空です"),
        (b"hello", "対応する消去報告ではありません"),
        (b"%PDF-1.7\n", "対応する消去報告ではありません"),
        (b"x" * (CONTENT_MAX + 1), "大きすぎます"),
        (b"/dev/sda:\nIssuing SANITIZE_STATUS command\n" + b"\n" * 60_000, "行数が多すぎます"),
        (b'{"nvme0":{"sprog":1,"sstat":{', "JSON として読めません"),
        (b'{"nvme0":{"sprog":1,"sstat":{},"sprog":2}}', "二度あります"),
        (b'{"sprog":NaN,"sstat":1}', "数でない値"),
        (b'{"sprog":' + b"[" * 200 + b"]" * 200 + b',"sstat":1}', "深すぎます"),
        (b'{"sstat":1,"sprog":' + b"[" * 200_000, "JSON として読めません"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_what_is_not_known_is_refused_with_a_sentence_that_says_what_to_do(content: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said) as refused:
        read(content, "a.txt")
    assert str(refused.value).endswith("ください。")


def test_no_sample_is_a_proof_by_itself_without_serial_and_job() -> None:
    for row in ROWS:
        for finding in read((SAMPLES / row[0]).read_bytes(), row[0]).findings:
            judged = grade(finding, MediumKind.UNKNOWN)
            assert (judged.level is None) == (row[1] != "nwipe" or judged.verdict != "clear"), row


def test_the_name_of_the_file_decides_nothing() -> None:
    content = Path(SAMPLES / "nvme-sanitize-failed.json").read_bytes()
    assert read(content, "nvme-sanitize-completed.json") == read(content, "\0" * 5000)
