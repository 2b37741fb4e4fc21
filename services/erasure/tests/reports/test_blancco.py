"""Blancco's "Successful" beside something that speaks against it: one change in a report that passes."""

import pytest

from services.erasure.domain.finding import Finding
from services.erasure.domain.grading import grade
from services.erasure.reports.read import read
from services.erasure.tests.capture import sample

REPORT = sample("blancco-entries.xml")
TAGS = sample("blancco-tags.xml")


def first(text: str) -> Finding:
    return read(text.encode(), "x.xml").findings[0]


def entry(name: str, said: str) -> str:
    return f'<entry name="{name}" type="string">{said}</entry>'


def with_entry(name: str, said: str, before: str = '<entries name="target">') -> tuple[str, str]:
    return before, entry(name, said) + before


DONE = '<entry name="cleaned_sectors" type="uint">976773168</entry>'
SIZE = '<entry name="capacity" type="uint">500107862016</entry>'
DISK = '<entry name="model" type="string">HAYABUSA HB5000LM-23</entry>\n     <entry name="serial"'
DATA, HARDWARE = " </blancco_data>", "<blancco_hardware_report>"

# what | by what | a code that must appear ("" where it still passes)
CHANGES: list[tuple[str, str, str]] = [
    (DONE, DONE.replace("976773168", "0"), "size-differs"),
    (DONE, DONE.replace("976773168", "976773167"), "size-differs"),
    (DONE, DONE.replace("976773168", "-1"), "size-differs"),
    (DONE, DONE.replace("976773168", ""), "size-differs"),
    (DONE, "", "size-differs"),
    (DONE, DONE.replace("cleaned", "erased"), ""),
    (DONE, DONE + DONE.replace("976773168", "976773169"), "said-twice"),
    (DONE, DONE.replace("976773168", "122096646"), ""),  # sectors of 4096 bytes, to the sector
    (DONE, DONE.replace("976773168", "122096645"), "size-differs"),
    (DONE, DONE.replace("976773168", "576773168"), "size-differs"),
    (SIZE, SIZE + entry("sector_size", "4096"), ""),
    (SIZE, SIZE + entry("sectors", "976773169"), "size-differs"),
    (SIZE, entry("sectors", "976773168"), ""),
    (SIZE, "", ""),  # how much there was is not said
    ("<integrity>Ok</integrity>", "<integrity>Invalid</integrity>", "seal-broken"),
    ("<integrity>Ok</integrity>", "<integrity>Tampered with</integrity>", "seal-broken"),
    ("<integrity>Ok</integrity>", "<integrity>Not verified</integrity>", "seal-broken"),
    ("<integrity>Ok</integrity>", "<integrity>Valid</integrity>", ""),
    ("<integrity>Ok</integrity>", "", ""),
    (DATA, f"<validation_status>FAILED</validation_status>{DATA}", "seal-broken"),
    (DATA, f"{DATA}<validation><result>failed</result></validation>", "seal-broken"),
    (DATA, f'{DATA}<validation result="x">failed</validation>', "seal-broken"),
    (DATA, f"<digital_signature>{'Qk1GQUlM' * 20}</digital_signature>{DATA}", ""),
    ("state: Successful", "integrity: Invalid", ""),  # what people typed
    (DISK, DISK.replace("HB5000LM-23", "HB9999LM-99"), "identity-differs"),
    (DISK, DISK.replace("HAYABUSA HB", "HAYABUSA  HB"), ""),
    (DISK, DISK.replace("HAYABUSA HB5000LM-23", ""), ""),
    (*with_entry("exceptions", "3"), "errors-and-success"),
    (*with_entry("exceptions", "None"), ""),
    (*with_entry("exceptions", "0"), ""),
    (*with_entry("verify_errors", "1"), "errors-and-success"),
    (*with_entry("read_errors", ""), "errors-and-success"),
    (*with_entry("unreadable_sectors", "12"), "errors-and-success"),
    (*with_entry("failure_reason", "device timeout"), "errors-and-success"),
    (*with_entry("remapped_sectors", "8"), ""),
    (DONE, f"{DONE}<exceptions><exception><m>I/O error</m></exception></exceptions>", "errors-and-success"),
    (DONE, f'{DONE}<entries name="errors">{entry("read", "0")}</entries>', ""),
    ('"total_erasure_rounds" type="uint">1', '"total_erasure_rounds" type="uint">0', "passes-differ"),
    (*with_entry("simulated", "true"), "only-simulated"),
    (*with_entry("simulated", "false"), ""),
    (*with_entry("test", "1"), "only-simulated"),
    ('<entries name="erasure">', '<entries name="erasure" simulation="yes">', "only-simulated"),
    ("NIST 800-88 Clear", "NIST 800-88 Clear (simulation)", "only-simulated"),
    (DATA, f"{DATA}<dry_run>1</dry_run>", "only-simulated"),
    (HARDWARE, f'{HARDWARE}<entries name="tests">{entry("test", "1")}</entries>', ""),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code"), CHANGES, ids=range(len(CHANGES)))
def test_success_is_believed_only_where_nothing_speaks_against_it(old: str, new: str, code: str) -> None:
    assert old in REPORT
    judged = grade(first(REPORT.replace(old, new, 1)))
    assert [reason.code for reason in judged.contradictions][:1] == ([code] if code else [])
    assert (judged.level is None) == bool(code)


@pytest.mark.parametrize("name", ["serial", "model"])
def test_a_failed_erasure_of_no_listed_disk_is_doubt_about_the_others(name: str) -> None:
    head, tag, rest = TAGS.rpartition("  <blancco_hardware_report>")
    at = head.rindex(f"<{name}>")
    changed = head[:at] + f"<{name}>X" + head[at + len(name) + 2 :] + tag + rest
    assert (grade(first(changed)).level is None) == (name == "serial")


def test_of_several_reports_in_one_file_a_broken_seal_is_one_s_own() -> None:
    head, _, rest = REPORT.partition("<report>")
    other = rest.rpartition("</root>")[0].replace("W7K04182", "00012E34").replace("<integrity>Ok", "<integrity>Invalid")
    both = read(f"{head}<report>{rest.rpartition('</root>')[0]}<report>{other}</root>".encode(), "x").findings
    assert [(one.serial, grade(one).verdict) for one in both] == [("W7K04182", "clear"), ("00012E34", "unknown")]


ERASURE = '    <entries name="erasure">'
END = "   </entries>\n  </blancco_erasure_report>"

# the second erasure of the same disk: when, how it ended | verdict | a code
SECOND: list[tuple[str, str, str, str]] = [
    ("2026-04-09", "Failed", "failed", "several-runs"),
    ("2026-04-07", "Failed", "clear", "several-runs"),
    ("2026-04-08", "Failed", "unknown", "runs-differ"),
    ("", "Failed", "unknown", "runs-differ"),
    ("", "Successful", "clear", "several-runs"),
    ("2026-04-09", "Successful", "clear", "several-runs"),
    ("2026-04-09", "Cancelled", "incomplete", "several-runs"),
]


@pytest.mark.parametrize(("day", "state", "verdict", "code"), SECOND)
@pytest.mark.parametrize("is_first", [True, False])
def test_of_several_erasures_of_a_disk_the_latest_decides(
    day: str, state: str, verdict: str, code: str, is_first: bool
) -> None:
    start, end = REPORT.index(ERASURE), REPORT.index(END)
    one = REPORT[start:end]
    other = one.replace("2026-04-08", day or "?").replace(">Successful<", f">{state}<")
    both = other + one if is_first else one + other
    (finding,) = read((REPORT[:start] + both + REPORT[end:]).encode(), "x").findings
    assert grade(finding).verdict == verdict
    assert code in {reason.code for reason in (*finding.notes, *finding.contradictions)}
