from collections.abc import Callable
from datetime import datetime

import pytest

from services.erasure.domain.finding import Finding
from services.erasure.domain.grading import Grade, grade
from services.erasure.domain.technique import Hidden, Verification
from services.erasure.reports.read import read
from services.erasure.tests.capture import sample

NEW, OLD = sample("nwipe-0.42-two-drives.log"), sample("nwipe-0.32-nvme.log")


def found(text: str) -> tuple[Finding, ...]:
    return read(text.encode(), "nwipe.log").findings


def first(text: str) -> Grade:
    return grade(found(text)[0])


def without(text: str, words: str) -> str:
    lines = [line for line in text.split("\n") if words not in line]
    assert len(lines) < len(text.split("\n"))
    return "\n".join(lines)


def instead(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


def test_what_the_log_tells_of_a_drive() -> None:
    good, bad = found(NEW)
    assert (good.serial, good.model, good.host_serial) == ("W7K04182", "HAYABUSA HB5000L", "PC-0417")
    assert (good.started, good.finished) == (datetime(2026, 4, 8, 10, 0, 5), datetime(2026, 4, 8, 18, 20, 5))  # noqa: DTZ001 - the tool writes no zone
    assert (good.passes, good.verification, good.hidden) == (4, Verification.LAST_PASS, Hidden.NONE)
    assert (bad.model, bad.hidden) == ("sdb | Erased | 0", Hidden.PRESENT)
    assert bad.errors[0] == "write: Input/output error on '/dev/sdb'."
    assert read(NEW.encode(), "").tool_version == "0.42"
    assert read(OLD.encode(), "").tool_version == "0.32"
    assert found(OLD)[0].passes == 2


ROW = "       sda | Erased "

# what is changed in the log of the drive that passed, and the code that must appear
CHANGES: list[tuple[str, Callable[[str], str], str]] = [
    ("serial in Found", instead("S/N=W7K04182", "S/N=W7K04183"), "contradicting"),
    ("serial in its line", instead("number W7K04182", "number W7K04183"), "contradicting"),
    ("serial in the row", instead("/W7K04182", "/W7K04183"), "contradicting"),
    ("serial with a tail", instead("/W7K04182", "/W7K041823"), "contradicting"),
    ("status", instead("| Erased |   83", "| Erasex |   83"), "incomplete"),
    ("status shifted", instead("| Erased |   83", "|Erased  |   83"), "incomplete"),
    ("failed row", instead("| Erased |   83", "|-FAILED-|   83"), "failed"),
    ("aborted row", instead("| Erased |   83", "|UABORTED|   83"), "incomplete"),
    ("insane row", instead("| Erased |   83", "|INSANITY|   83"), "incomplete"),
    ("flag", instead(ROW, ROW.replace(" ", "!", 1)), "contradicting"),
    ("duration", instead("08:20:00", "08:30:00"), "contradicting"),
    ("start", instead("10:00:05]  notice: Invoking", "10:50:05]  notice: Invoking"), "contradicting"),
    ("end", instead("18:20:08]    info: Nwipe", "19:20:08]    info: Nwipe"), "contradicting"),
    ("counter", instead("       sda |           0", "       sda |           1"), "failed"),
    ("bytes", instead("500107862016 |     5", "500107862015 |     5"), "contradicting"),
    ("percent", instead("100.00%", " 99.99%"), "contradicting"),
    ("written less", instead("500107862016 bytes written", "500107861504 bytes written"), "contradicting"),
    ("method", instead("MB/s, DoD Short", "MB/s, Quick"), "contradicting"),
    ("method nobody knows", lambda text: text.replace("DoD Short", "Magic"), "contradicting"),
    ("verify letters", instead("+VL", "+VA"), "contradicting"),
    ("rounds", instead(", 1R+", ", 2R+"), "contradicting"),
    ("error line", instead("Blanking", "x\n[2026/04/08 15:00:00]   error: lost /dev/sda\nBlanking"), "contradicting"),
    ("no final round", lambda text: without(text, "Finished final round"), "contradicting"),
    ("a pass missing", lambda text: without(text, "Finished pass 2/3"), "contradicting"),
    ("not read back", lambda text: without(text, "is empty"), "unverified"),
    ("no counters", lambda text: without(text, "       sda |           0"), "contradicting"),
    ("no row", lambda text: without(text, "sda | Erased"), "incomplete"),
    ("row twice", instead(ROW, ROW + "|   0 B/s | 08:20:00 | a/b\n" + ROW), "contradicting"),
    ("row of a stranger", instead("!      sdb |-FAILED-", "       sdz |-FAILED-"), "contradicting"),
    ("no total", lambda text: without(text, "Total Throughput"), "incomplete"),
    ("no closing line", lambda text: without(text, "Nwipe exited with errors, check"), "incomplete"),
    ("a partition", lambda text: text.replace("/sda", "/sda1").replace(" sda |", "sda1 |"), "contradicting"),
    ("serial unknown", lambda text: text.replace("W7K04182", "(S/N: unknown)"), "no-serial"),
    ("serial hidden", lambda text: text.replace("W7K04182", "XXXXXXXXXXXXXXX"), "no-serial"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_one_thing_wrong_and_the_drive_has_not_passed(change: Callable[[str], str], code: str) -> None:
    judged = first(change(NEW))
    assert judged.level is None
    assert code in {reason.code for reason in judged.reasons}


def test_verification_switched_off_is_a_claim() -> None:
    text = NEW.replace("1 (last pass)", "0 (off)").replace("+VL", "+NV")
    assert [reason.code for reason in first(text).reasons] == ["unverified"]


def test_a_method_that_only_reads_erases_nothing() -> None:
    text = OLD.replace("PRNG Stream", "Verify Zeros (0x00)")
    text = "\n".join(line for line in text.split("\n") if " pass " not in line and " bytes " not in line)
    assert [reason.code for reason in first(text).reasons] == ["read-only"]


def test_a_log_cut_anywhere_before_its_closing_line_is_no_pass() -> None:
    end = OLD.index("Nwipe successfully completed")
    for cut in range(OLD.index("Starting round 1"), end):
        assert first(OLD[:cut]).level is None, OLD[max(0, cut - 60) : cut]


def on(day: str, text: str) -> str:
    return text.replace("2025/11/04", f"2025/11/{day}")


ABORTED = OLD.replace(" Erased ", "UABORTED")
BEGUN = OLD[: OLD.index("Starting pass 1/1, round 2")]

# logs joined | verdict | a code of notes and contradictions
JOINED: list[tuple[str, str, str]] = [
    (OLD + on("05", ABORTED), "incomplete", "several-runs"),
    (on("05", ABORTED) + OLD, "incomplete", "several-runs"),  # the last by time, wherever it stands
    (on("03", ABORTED) + OLD, "clear", "several-runs"),
    (OLD + on("03", ABORTED), "clear", "several-runs"),
    (OLD + on("05", BEGUN), "incomplete", "several-runs"),
    (OLD + BEGUN, "unknown", "runs-differ"),  # at one time nobody can tell
    (OLD + ABORTED, "unknown", "runs-differ"),
    (ABORTED + OLD, "unknown", "runs-differ"),
    (on("05", ABORTED) + on("03", OLD) + OLD, "incomplete", "several-runs"),
    (on("05", OLD) + OLD, "clear", "several-runs"),
    (OLD + OLD, "clear", ""),
    (OLD + "\ufeff" + on("05", OLD), "clear", "several-runs"),  # joined with the mark of the second file
    (OLD + "\ufeff" + on("05", ABORTED), "incomplete", "several-runs"),
    (OLD + on("05", ABORTED).replace("S64DNX0R900417", "s64dnx0r900417"), "incomplete", "identity-differs"),
    (on("03", ABORTED).replace("S64DNX0R900417", "s64dnx0r900417") + OLD, "unknown", "identity-differs"),
    (OLD + "exit\nroot@shredos:/# poweroff\n\n[ 4711.250000] sd 0:0:0:0: [sda] Stopping disk\n", "clear", ""),
    (OLD + "[ 4711.250000] I/O error, dev nvme0n1, sector 4096\n", "unknown", "text-behind"),
    (OLD + "[ 4711.250000] EXT4-fs (nvme0n1p1): mounted filesystem\n", "unknown", "text-behind"),
    (OLD + "[ 4711.250000] reboot: Power down\n==> other.log <==\n", "clear", ""),
    (OLD.replace("[2025/11/04 09:18:00]", "[2025/1x/04 09:18:00]", 1), "unknown", "table-damaged"),
    (OLD + "\n--------\n========\n", "clear", ""),
    (OLD + "nvme0n1-FAILED$\n", "unknown", "text-behind"),
    (OLD + "root@shredos:/# nwipe --method=zero /dev/nvme0n1\n", "unknown", "text-behind"),
    (OLD + "It was used again afterwards.\n", "unknown", "text-behind"),
    (OLD + "It was used again afterwards.\n" + on("05", OLD), "clear", "several-runs"),
    (OLD + "[2025/11/05 08:00:00]    info: nwipe 0.32\n", "unknown", "text-behind"),
    (OLD + on("05", BEGUN).partition("\n")[2], "unknown", "text-behind"),  # whose first line is gone
]


@pytest.mark.parametrize(("text", "verdict", "code"), JOINED, ids=range(len(JOINED)))
def test_of_a_drive_in_several_runs_the_latest_counts(text: str, verdict: str, code: str) -> None:
    (said,) = found(text)
    assert grade(said).verdict == verdict
    assert code in {"", *(reason.code for reason in (*said.notes, *said.contradictions))}


def test_a_later_run_that_hides_its_drive_is_doubt_about_those_of_its_model() -> None:
    hidden = on("05", ABORTED).replace("S64DNX0R900417", "XXXXXXXXXXXXXXX")
    assert [grade(one).verdict for one in found(OLD + hidden)] == ["unknown", "incomplete"]
    assert [grade(one).verdict for one in found(OLD + hidden.replace("PM9 256", "PM9 512"))] == ["clear", "incomplete"]
    assert [grade(one).verdict for one in found(on("03", hidden.replace("/05", "/03")) + OLD)] == [
        "incomplete",
        "clear",
    ]


def test_a_run_that_failed_is_held_against_every_serial_it_names() -> None:
    altered = on("05", ABORTED).replace("has serial number S64DNX0R900417", "has serial number S64DNX0R900418")
    said = {finding.serial: grade(finding).verdict for finding in found(OLD + altered)}
    assert said == {"S64DNX0R900417": "incomplete", "S64DNX0R900418": "incomplete"}
    both = altered.replace("S/N=S64DNX0R900417", "S/N=S64DNX0R900419").replace(
        "256/S64DNX0R900417", "256/S64DNX0R900419"
    )
    assert [grade(finding).verdict for finding in found(OLD + both)] == ["unknown", "incomplete", "incomplete"]


def test_a_run_that_names_its_drive_once_may_be_of_any_drive_of_its_model() -> None:
    cut = on("05", OLD[: OLD.index("[2025/11/04 09:12:31]  notice: /dev/nvme0n1 has serial")])
    other = cut.replace("S64DNX0R900417", "S64DNX0R900418")
    assert [grade(finding).verdict for finding in found(OLD + cut)] == ["incomplete"]
    assert [grade(finding).verdict for finding in found(OLD + other)] == ["unknown", "incomplete"]
    assert [grade(finding).verdict for finding in found(OLD + other.replace("PM9", "PM8"))] == ["clear", "incomplete"]


def test_a_serial_cut_short_where_it_was_found_is_not_the_whole_one_in_the_row() -> None:
    cut = (
        on("05", ABORTED).replace("S/N=S64DNX0R900417", "S/N=S64DNX0R").replace("has serial number", "ha serial number")
    )
    assert "256/S64DNX0R900417" in cut
    assert [grade(finding).verdict for finding in found(OLD + cut)] == ["incomplete", "incomplete"]


def test_two_drives_of_one_serial_are_two_and_one_failure_is_doubt_about_both() -> None:
    twins = NEW.replace("00012E34", "W7K04182")
    assert [(one.device, grade(one).verdict) for one in found(twins)] == [("sda", "unknown"), ("sdb", "failed")]


def test_stray_bytes_behind_a_serial_are_not_part_of_it() -> None:
    content = OLD.encode().replace(b"256/S64DNX0R900417", b"256/S64DNX0R900417\xfe\x7f")
    assert grade(read(content, "").findings[0]).level == "clear"


def test_lines_that_newer_versions_add_change_nothing() -> None:
    new = "    info: something new on /dev/nvme0n1\n[2025/11/04 09:12:31]"
    more = OLD.replace("  notice: Starting round", f"{new}  notice: Starting round", 1)
    assert first(more).level == "clear"


def test_a_one_byte_change_never_moves_a_pass_to_another_serial_or_another_time() -> None:
    content = OLD.encode()
    true = found(OLD)[0]
    for place in range(len(content)):
        for other in (b"0", b"9", b"x", b" ", b"|", b"\n"):
            altered = content[:place] + other + content[place + 1 :]
            try:
                findings = read(altered, "").findings
            except ValueError:
                continue
            for finding in findings:
                if grade(finding).level is None:
                    continue
                assert finding.serial == true.serial, altered[place - 40 : place + 40]
                assert (finding.started, finding.finished) == (true.started, true.finished)
