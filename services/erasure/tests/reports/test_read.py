from pathlib import Path

import pytest

from services.erasure.domain.grading import grade
from services.erasure.domain.technique import MediumKind
from services.erasure.reports.read import Unreadable, read
from services.erasure.reports.text import CONTENT_MAX
from services.erasure.tests.capture import SAMPLES, sample

# file | source | serial of the first drive | kind | technique | verdict per drive
TABLE = """
nvme-sanitize-never.json                 |nvme-sanitize-log|              |nvme   |none                  |not-evidence
nvme-sanitize-running.json               |nvme-sanitize-log|              |nvme   |nvme-sanitize-block   |incomplete
nvme-sanitize-completed.json             |nvme-sanitize-log|              |nvme   |nvme-sanitize-block   |purge
nvme-sanitize-failed.json                |nvme-sanitize-log|              |nvme   |nvme-sanitize-block   |failed
nvme-sanitize-completed.txt              |nvme-sanitize-log|              |nvme   |nvme-sanitize-crypto  |purge
nvme-id-ctrl.json                        |nvme-id-ctrl     |S64DNX0R900417|nvme   |none                  |not-evidence
nvme-format.txt                          |nvme-reply       |              |nvme   |nvme-format           |unknown
hdparm-identify-hdd.txt                  |hdparm           |W7K04182      |hdd    |none                  |not-evidence
hdparm-identify-ssd.txt                  |hdparm           |00012E34      |ssd    |none                  |not-evidence
hdparm-no-hidden-area.txt                |hdparm           |              |unknown|none                  |not-evidence
hdparm-sanitize-idle.txt                 |hdparm           |              |unknown|none                  |not-evidence
hdparm-sanitize-running.txt              |hdparm           |              |unknown|ata-sanitize          |incomplete
hdparm-sanitize-completed.txt            |hdparm           |              |unknown|ata-sanitize          |purge
hdparm-sanitize-failed.txt               |hdparm           |              |unknown|none                  |failed
hdparm-command-overwrite.txt             |hdparm           |              |unknown|ata-sanitize-overwrite|incomplete
hdparm-command-security-erase.txt        |hdparm           |              |unknown|ata-security-erase    |unknown
hdparm-command-security-erase-rejected.txt|hdparm           |              |unknown|ata-security-erase    |failed
nwipe-0.42-two-drives.log                |nwipe            |W7K04182      |unknown|overwrite             |clear failed
nwipe-0.32-nvme.log                      |nwipe            |S64DNX0R900417|nvme   |overwrite             |clear
dd-whole-device.txt                      |home-made        |              |unknown|overwrite             |unknown
blkdiscard.txt                           |home-made        |              |unknown|discard               |unknown
smartctl.json                            |smartctl         |W7K04182      |hdd    |none                  |not-evidence
nvme-format-asked.txt                    |nvme-reply       |              |nvme   |nvme-format           |unknown
dd-japanese.txt                          |home-made        |              |unknown|overwrite             |unknown
dd-japanese-failed.txt                   |home-made        |              |unknown|overwrite             |failed
nvme-sanitize-low-bits.txt               |nvme-sanitize-log|              |nvme   |nvme-sanitize-block   |purge
nvme-list.txt                            |nvme-list|S64DNX0R900417|nvme   |none                  |2x not-evidence
hdparm-identify-short.txt                |hdparm           |W7K04182      |unknown|none                  |not-evidence
hdparm-command-security-disable.txt      |hdparm           |              |unknown|unknown               |not-evidence
hdparm-freeze.txt                        |hdparm           |              |unknown|none                  |not-evidence
attestation-en.txt                       |attestation      |W7K04182      |unknown|unknown               |failed
attestation.txt                          |attestation      |W7K04182      |unknown|unknown               |unknown
badblocks-bad.txt                        |badblocks        |              |unknown|overwrite             |failed
badblocks-read.txt                       |badblocks        |              |unknown|none                  |not-evidence
badblocks-write.txt                      |badblocks        |              |unknown|overwrite             |unknown
blancco-entries.xml                      |blancco          |W7K04182      |hdd    |overwrite             |clear
blancco-tags.xml                         |blancco          |W7K04182      |hdd    |overwrite             |clear failed
crash.txt                                |crash            |              |unknown|unknown               |incomplete
dmidecode.txt                            |dmidecode        |              |unknown|none                  |not-evidence
lsblk.json|lsblk|W7K04182|hdd|none|2x not-evidence
lsblk.txt|lsblk|W7K04182|unknown|none|3x not-evidence
lshw.json|lshw|S64DNX0R900417|nvme|none|3x not-evidence
mke2fs.txt                               |mke2fs           |              |unknown|none                  |not-evidence
nvme-id-ctrl.txt                         |nvme-id-ctrl     |S64DNX0R900417|nvme   |none                  |not-evidence
nvme-id-ns.json                          |nvme-page        |              |nvme   |none                  |not-evidence
nvme-list-by-subsystem.json              |nvme-list        |S64DNX0R900417|nvme   |none                  |not-evidence
nvme-list.json|nvme-list|S64DNX0R900417|nvme|none|2x not-evidence
nwipe-0.42-failed.pdf                    |nwipe-certificate|W7K04182      |unknown|overwrite             |failed
nwipe-0.42-system.pdftotext.txt|nwipe-certificate|W7K04182|unknown|overwrite|clear incomplete
nwipe-0.42.pdf                           |nwipe-certificate|W7K04182      |unknown|overwrite             |clear
scrub-interrupted.txt                    |scrub            |              |unknown|overwrite             |incomplete
scrub.txt                                |scrub            |              |unknown|overwrite             |unknown
sg-format.txt                            |sg3-utils        |SAS0417E      |unknown|unknown               |unknown
sg-sanitize-refused.txt                  |sg3-utils        |SAS0417E      |unknown|unknown               |failed
sg-sanitize.txt                          |sg3-utils        |SAS0417E      |unknown|unknown               |incomplete
shred.txt                                |home-made        |              |unknown|overwrite             |unknown
smartctl-no-answer.json                  |smartctl         |              |unknown|none                  |not-evidence
smartctl.txt                             |smartctl         |W7K04182      |hdd    |none                  |not-evidence
wipefs.txt                               |wipefs           |              |unknown|none                  |not-evidence
workbench-11.json|workbench|W7K04182|hdd|overwrite|unknown failed not-evidence
workbench-script.json                    |workbench        |W7K04182      |hdd    |none                  |not-evidence
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_source_is_recognised_and_says_what_it_shows(row: list[str]) -> None:
    file, source, serial, kind, technique, verdicts = row
    report = read((SAMPLES / file).read_bytes(), file)
    first = report.findings[0]
    assert [report.source, first.serial, first.kind, first.technique] == [source, serial, kind, technique]
    times, _, one = verdicts.rpartition("x ")
    wanted = [one] * int(times) if times else verdicts.split()
    assert [grade(finding).verdict for finding in report.findings] == wanted


@pytest.mark.parametrize("row", [row for row in ROWS if not row[0].endswith(".pdf")], ids=lambda row: row[0])
def test_windows_line_ends_and_a_byte_order_mark_change_nothing(row: list[str]) -> None:
    content = (SAMPLES / row[0]).read_bytes()
    assert read(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"), row[0]).findings == read(content, row[0]).findings


def test_every_sample_file_is_in_the_table() -> None:
    files = {path.name for path in SAMPLES.iterdir() if path.suffix in {".json", ".txt", ".log", ".xml", ".pdf"}}
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
        (b"Node                  SN                   Model\n\n/dev/nvme0n1", "対応する消去報告ではありません"),
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
            whole = row[1] in ("nwipe", "nwipe-certificate", "blancco")  # sources that log a whole job of a named drive
            assert (judged.level is not None) == (whole and judged.verdict == "clear"), row


def test_the_name_of_the_file_decides_nothing() -> None:
    content = Path(SAMPLES / "nvme-sanitize-failed.json").read_bytes()
    assert read(content, "nvme-sanitize-completed.json") == read(content, "\0" * 5000)


def test_a_command_that_was_never_sent_lends_its_name_to_no_later_state() -> None:
    named, state = sample("hdparm-identify-ssd.txt"), sample("hdparm-sanitize-completed.txt")
    aborted = "Issuing SANITIZE_BLOCK_ERASE command\nProgram aborted.\n"
    (finding,) = read(f"{named}{aborted}{state}".encode(), "x").findings
    assert (finding.outcome, grade(finding).verdict) == ("completed", "unknown")


@pytest.mark.parametrize(("name", "value"), [("serial", "W7K09999"), ("end_time", "2026-04-08T12:10:06+09:00")])
def test_a_second_value_in_a_field_of_blanccos_is_no_pass(name: str, value: str) -> None:
    head, end, rest = sample("blancco-tags.xml").partition(f"</{name}>")  # of the first erasure, which passed
    finding = read(f"{head}{end}<{name}>{value}</{name}>{rest}".encode(), "x").findings[0]
    assert grade(finding).level is None
    assert "said-twice" in [reason.code for reason in finding.contradictions]
