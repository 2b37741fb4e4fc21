"""Whatever a file or a device says: a report or Unreadable, soon, and never a pass that was not there."""

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.erasure.domain.grading import grade
from services.erasure.reports.read import Unreadable, read
from services.erasure.reports.text import CONTENT_MAX, MODEL_MAX, SERIAL_MAX
from services.erasure.tests.capture import SAMPLES, sample, session

FILES = {path.name: path.read_bytes() for path in sorted(SAMPLES.iterdir()) if path.suffix != ".md"}
FILES["session.json"] = session(
    ("identify", "nvme-id-ctrl.json"), ("before", "nvme-sanitize-never.json"), ("command", ""),
    ("after", "nvme-sanitize-completed.json"),
)  # fmt: skip
PASSING = {
    "session.json", "nwipe-0.32-nvme.log", "nwipe-0.42-two-drives.log", "nwipe-0.42.pdf",
    "nwipe-0.42-system.pdftotext.txt", "blancco-entries.xml", "blancco-tags.xml",
}  # fmt: skip
TOKENS = [
    b"\n", b"\r", b"\0", b"\x1b[2J", b"|", b"Erased", b"-FAILED-", b"/dev/sda", b"/dev/sda:\n", b"{", b"}", b'"',
    b"[2026/01/01 00:00:00]  notice: ", b"[0001/01/01 00:00:00]  notice: ", b"[2026-01-01T00:00+09]  notice: ",
    b" Found /dev/sdq, ATA, X,  1 MB, S/N=Y\n", b"9" * 5000, b"\xff\xfe", "消去\u202e".encode(), b"\\ud800", b"****",
]  # fmt: skip

quiet = settings(max_examples=300, deadline=2000, suppress_health_check=list(HealthCheck))


def passes(content: bytes) -> list[str]:
    """Serials that pass; a refusal passes nobody. Any other exception is the bug this looks for."""
    try:
        report = read(content, "x")
    except Unreadable:
        return []
    for finding in report.findings:
        assert len(finding.serial) <= SERIAL_MAX
        assert len(finding.model) <= MODEL_MAX
        json.dumps([finding.serial, finding.model, finding.words], ensure_ascii=False).encode()
        assert finding.words.isprintable()
    grades = [(finding.serial, grade(finding)) for finding in report.findings]
    for _, judged in grades:
        for reason in (*judged.reasons, *judged.contradictions, *judged.would_raise, *judged.to_validate):
            assert reason.ja
            assert reason.en
    return [serial for serial, judged in grades if judged.level]


@quiet
@given(st.binary(max_size=2000))
def test_any_bytes(content: bytes) -> None:
    assert passes(content) == []


@quiet
@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from(TOKENS), st.integers(0, 40)), min_size=1, max_size=4),
)
def test_damaged_files(name: str, damages: list[tuple[float, bytes, int]]) -> None:
    content = FILES[name]
    before = passes(content)
    for where, token, removed in damages:
        place = int(where * len(content))
        content = content[:place] + token + content[place + removed :]
    assert set(passes(content)) <= set(before)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(found for key, child in children for found in places(child, (*path, key)))]


@quiet
@given(st.sampled_from([n for n in sorted(FILES) if n.endswith(".json")]), st.data())
def test_json_of_other_types(name: str, data: st.DataObject) -> None:
    document = json.loads(FILES[name])
    path = data.draw(st.sampled_from(places(document)[1:]))
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = data.draw(JSON)
    assert set(passes(json.dumps(document).encode())) <= set(passes(FILES[name]))


@quiet
@given(st.text(max_size=60), st.text(max_size=30))
def test_whatever_a_drive_calls_itself_it_is_one_drive_that_did_not_pass(model: str, serial: str) -> None:
    text = sample("nwipe-0.42-two-drives.log")
    text = text.replace("sdb | Erased | 0", model).replace("00012E34", serial)
    assert set(passes(text.encode(errors="replace"))) <= {"W7K04182"}


FORGED_ROW = "X/Y\n       sdb | Erased |   83 MB/s | 00:19:55 | sdb | Erased | 0/00012E34"


def test_a_serial_that_writes_its_own_row_is_found_out() -> None:
    text = sample("nwipe-0.42-two-drives.log").replace("sdb | Erased | 0/00012E34", FORGED_ROW)
    assert "00012E34" not in passes(text.encode())


@pytest.mark.parametrize(
    "content",
    [
        sample("nwipe-0.32-nvme.log").encode() + b"A" * (CONTENT_MAX - 10_000),
        sample("nwipe-0.32-nvme.log").encode() + b"[2025/11/04 09:29:32]   error: x /dev/nvme0n1\n" * 45_000,
        b"".join(
            f"[2025/11/04 09:00:00]  notice: Found /dev/sd{n:06},  ATA, M,  1 MB, S/N={n}\n".encode()
            for n in range(512)
        )
        + b"[2025/11/04 09:00:00]  notice: banner = nwipe 0.36\n"
        + b"**** Drive Status ****\n"
        + b"  000001 | Erased |\n" * 45_000,
        sample("nwipe-0.42-two-drives.log").encode()
        + b"[2026/04/08 18:20:08]    info: Nwipe successfully completed.\n" * 24_000
        + b"".join(
            f"[2026/04/08 18:20:08]  notice: Found /dev/sd{n},  ATA, M,  1 MB, S/N=W7K04182\n".encode()
            + b"[2026/04/08 18:20:08]    info: Nwipe successfully completed.\n" * 40
            for n in range(500)
        ),
        b"/dev/sda:\nATA device, with \n" + b"\tSerial Number: 1\n" * 45_000,
        b'{"sprog":1,"sstat":"' + b" " * 3_900_000 + b'"}',
        b'{"sprog":1,"sstat":[' + b"1," * 1_500_000 + b"1]}",
        b"<blancco_data>"
        + b"<blancco_erasure_report><erasures><erasure>" * 12
        + b"<state/>" * 90_000
        + b"</erasure></erasures></blancco_erasure_report>" * 12
        + b"</blancco_data>",
        b"<blancco_data><blancco_erasure_report><erasures>"
        + b"<erasure><target/></erasure>" * 40_000
        + b"</erasures></blancco_erasure_report></blancco_data>",
        b"<blancco_data><blancco_erasure_report><erasures>"
        + (b"<erasure><state>Successful</state><target><serial>1</serial></target>" + b"<a/>" * 150 + b"</erasure>")
        * 512
        + b"</erasures></blancco_erasure_report><blancco_hardware_report><disks>"
        + b"<disk><serial>1</serial></disk>" * 3_000
        + b"</disks></blancco_hardware_report></blancco_data>",
        b'<!DOCTYPE a [<!ENTITY b "'
        + b"c" * 1000
        + b'"><!ENTITY d "'
        + b"&b;" * 1000
        + b'">]><blancco_data>&d;&d;</blancco_data>',
        b"%PDF-1.3\n/Type /Page\nDisc Erasure by NWIPE version 1\nErasure Report\n"
        + b"BT /GS0 gs 1.000000 1.000000 TD /F2 12.000000 Tf 0.000000 0.000000 0.000000 rg 0.000000 Tc (" * 40_000,
        b"Disc Erasure by NWIPE version 1\nErasure Report\n" + b"Make:x S/N: y\n" * 49_000,
        b'[{"id":"a","class":"disk","claimed":true,'
        + b'"children":[{' * 30
        + b'"a":['
        + b"1," * 1_800_000
        + b"1]"
        + b"}]" * 30
        + b"}]",
        b"NAME SIZE MODEL SERIAL\n" + b"sda  1G   X     Y\n" * 49_000,
    ],
    ids=[
        "long line",
        "many errors",
        "many drives and rows",
        "many ends",
        "many serials",
        "long string",
        "long list",
        "nested markup",
        "many erasures",
        "many successes",
        "entities",
        "unended strings",
        "many certificates",
        "deep list",
        "many disks",
    ],
)
def test_the_biggest_file_that_is_allowed_takes_bounded_time(content: bytes) -> None:
    assert len(content) <= CONTENT_MAX
    start = time.perf_counter()
    passes(content)
    assert time.perf_counter() - start < 10  # generous: two shared cores


@pytest.mark.parametrize("name", sorted(PASSING))
def test_the_files_that_pass_do_pass(name: str) -> None:
    assert len(passes(FILES[name])) == 1


@pytest.mark.parametrize("name", sorted(set(FILES) - PASSING))
def test_the_others_do_not(name: str) -> None:
    assert passes(FILES[name]) == []
