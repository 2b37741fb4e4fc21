import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.erasure.domain.grading import grade
from services.erasure.domain.placeholder import PLACEHOLDER_MAX, is_placeholder, named, without_placeholders
from services.erasure.reports.read import read
from services.erasure.tests.capture import SAMPLES, session

PLACEHOLDERS = """
Default string|To be filled by O.E.M.|To Be Filled By O.E.M.|TO BE FILLED BY O.E.M|System Serial Number|　ＮＯＮＥ
System Serial #|Not Specified|Not Available|N/A|None|none|Unknown|0|0000000000|00 00-00|0123456789|1234567890|123456789
0123456789ABCDEF|012345678901|XXXXXXXXXX|FFFFFFFF|11111111|.|-|Chassis Serial Number|Type2 - Board Serial Number
SYS-1234567890|INVALID|Not Applicable|empty|(none)|Not Provided|No Serial|Serial No.|Board Serial Number
CSN12345678901234567|BSN12345678901234567|SSN12345678901234567|DD56419883891|DD564198838C8
"""
NUMBERS = """
PC-0417|W7K04182|00012E34|S64DNX0R900417|R02-0031|1234|0012|MD71K30024|5CD0123456|N0NE5|PF-012345|2345678|NONE1|X1|1111
"""
HOST = "PC-0417"
TELL_THE_COMPUTER = (
    "dmidecode.txt",
    "lshw.json",
    "workbench-11.json",
    "workbench-script.json",
    "blancco-tags.xml",
    "blancco-entries.xml",
    "nwipe-0.42-two-drives.log",
    "nwipe-0.42-system.pdftotext.txt",
)
TELL_A_DRIVE = (
    "nvme-id-ctrl.json|S64DNX0R900417",
    "nvme-list.json|S64DNX0R900417",
    "hdparm-identify-hdd.txt|W7K04182",
    "smartctl.json|W7K04182",
    "smartctl.txt|W7K04182",
    "lsblk.json|W7K04182",
    "lshw.json|W7K04182",
    "workbench-11.json|W7K04182",
    "blancco-tags.xml|W7K04182",
    "nwipe-0.42-two-drives.log|W7K04182",
    "nwipe-0.42-system.pdftotext.txt|W7K04182",
    "sg-sanitize.txt|SAS0417E",
    "attestation.txt|W7K04182",
)


def words(table: str) -> list[str]:
    return [word for line in table.strip().splitlines() for word in line.split("|")]


@pytest.mark.parametrize("text", words(PLACEHOLDERS))
def test_what_makers_write_who_wrote_nothing_is_no_number(text: str) -> None:
    assert is_placeholder(text)
    assert named(f" {text} ") == ""


@pytest.mark.parametrize("text", words(NUMBERS))
def test_a_number_stays_as_it_was_given(text: str) -> None:
    assert named(text) == text


@given(st.text(max_size=PLACEHOLDER_MAX * 2))
def test_any_text_is_given_back_or_nothing(text: str) -> None:
    assert named(text) in (text, "")
    assert is_placeholder(text.swapcase().swapcase()) in (True, False)


@pytest.mark.parametrize("file", TELL_THE_COMPUTER)
@pytest.mark.parametrize("said", ["Default string", "To be filled by O.E.M.", "0123456789", "0000000"])
def test_no_reader_takes_a_placeholder_for_a_computer(file: str, said: str) -> None:
    content = (SAMPLES / file).read_bytes()
    assert HOST in {finding.host_serial for finding in read(content, file).findings}
    with_placeholder = read(content.replace(HOST.encode(), said.encode()), file)
    assert {finding.host_serial for finding in with_placeholder.findings} == {""}
    drives = [finding.serial for finding in read(content, file).findings]
    assert [finding.serial for finding in with_placeholder.findings] == drives


@pytest.mark.parametrize("row", TELL_A_DRIVE)
@pytest.mark.parametrize("said", ["Not Specified", "000000000000", "0123456789ABCDEF"])
def test_of_no_reader_a_placeholder_names_a_drive(row: str, said: str) -> None:
    file, _, serial = row.partition("|")
    content = (SAMPLES / file).read_bytes()
    if file == "nvme-id-ctrl.json":
        said = said.ljust(20)
    before, after = (read(one, file).findings for one in (content, content.replace(serial.encode(), said.encode())))
    assert serial in {finding.serial for finding in before}
    assert serial not in {finding.serial for finding in after}
    changed = [finding for finding in after if is_placeholder(finding.serial)]
    assert changed
    for finding in changed:
        assert (grade(finding).level, grade(finding).bound) == (None, False)
        assert without_placeholders(finding).serial == ""


def test_the_capture_s_own_placeholder_gives_way_to_what_an_inventory_says() -> None:
    inventory = (SAMPLES / "dmidecode.txt").read_text().replace(HOST, "PC-0418")
    documents = json.loads(session(("identify", "nvme-id-ctrl.json"), ("identify", "dmidecode.txt")))
    documents["documents"][1]["content"] = inventory
    documents["host_serial"] = "System Serial Number"
    (finding,) = read(json.dumps(documents).encode(), "session.json").findings
    assert finding.host_serial == "PC-0418"
    assert finding.contradictions == ()
