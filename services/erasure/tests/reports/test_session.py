import json
from typing import Any

import pytest

from services.erasure.domain.grading import grade
from services.erasure.domain.technique import MediumKind
from services.erasure.reports.read import Unreadable, read
from services.erasure.tests.capture import HDD, SSD, frame, sample, session

NVME: dict[str, str] = {}
N, H, S = NVME, HDD, SSD
HOST = {"host_serial": "PC-0417"}
ID, HID, SID = "nvme-id-ctrl.json", "hdparm-identify-hdd.txt", "hdparm-identify-ssd.txt"
NEVER, RUNS, DONE, FAILED = (f"nvme-sanitize-{s}.json" for s in ("never", "running", "completed", "failed"))
IDLE, BUSY, OK, BAD = (f"hdparm-sanitize-{s}.txt" for s in ("idle", "running", "completed", "failed"))
OVER, BLOCK, CRYPTO = (f"hdparm-command-{s}.txt" for s in ("overwrite", "block-erase", "crypto-scramble"))
ERASE, REJECTED = "hdparm-command-security-erase.txt", "hdparm-command-security-erase-rejected.txt"
LOCKED, HPA, NO_HPA = "hdparm-identify-ssd-locked.txt", "hdparm-hidden-area.txt", "hdparm-no-hidden-area.txt"

# drive, [identify], [before], [command], [after], level, verdict, a code among reasons and contradictions
CASES: list[tuple[dict[str, str], list[str], list[str], list[str], list[str], str | None, str, str]] = [
    # the whole story
    (N, [ID], [NEVER], [""], [DONE], "purge", "purge", "fresh"),
    (N, [ID], [NEVER], [""], [RUNS, DONE], "purge", "purge", "fresh"),
    (N, [ID], [FAILED], [""], [DONE], "purge", "purge", "fresh"),
    (H, [HID, NO_HPA], [IDLE], [OVER], [BUSY, OK], "purge", "purge", "fresh"),
    (S, [SID], [IDLE], [BLOCK], [OK], "purge", "purge", "fresh"),
    (S, [SID], [IDLE], [CRYPTO], [OK], "purge", "purge", "fresh"),
    # less than it looks
    (S, [SID], [IDLE], [OVER], [OK], "clear", "clear", "overwrite-on-flash"),
    (S, [SID], [LOCKED], [ERASE], [SID], "clear", "clear", "fresh"),
    (H, [HID, HPA], [IDLE], [OVER], [OK], "clear", "clear", "hidden-areas"),
    (H, [HID], [IDLE], [BLOCK], [OK], None, "unknown", "not-applicable"),
    # freshness
    (N, [ID], [DONE], [""], [DONE], None, "purge", "before-already-completed"),
    (N, [ID], [DONE], [""], [RUNS, DONE], "purge", "purge", "fresh"),
    (N, [ID], [], [""], [DONE], None, "purge", "not-fresh"),
    (N, [ID], [NEVER], [], [DONE], None, "purge", "not-fresh"),
    (N, [ID], [ID], [""], [DONE], None, "purge", "not-fresh"),
    (H, [HID], [HID], [OVER], [OK], None, "purge", "not-fresh"),
    (H, [HID], [OK], [OVER], [OK], None, "purge", "before-already-completed"),
    (N, [ID], [RUNS], [""], [DONE], None, "purge", "state-not-idle"),
    # a command that was refused, or another one, is no state before: "completed" may be as old as ever
    (S, [SID], [REJECTED], [BLOCK], [OK], None, "purge", "not-fresh"),
    (S, [SID], [OK, REJECTED], [BLOCK], [OK], None, "purge", "not-fresh"),
    (S, [SID], [OVER], [BLOCK], [OK], None, "purge", "not-fresh"),
    # binding
    (N, [], [NEVER], [""], [DONE], None, "purge", "no-serial"),
    (N | {"serial": "S64DNX0R900418"}, [ID], [NEVER], [""], [DONE], None, "unknown", "identity-differs"),
    (N | {"model": "KAWASEMI PM9 512GB"}, [ID], [NEVER], [""], [DONE], None, "unknown", "identity-differs"),
    (H, [HID, SID], [IDLE], [OVER], [OK], None, "unknown", "identity-differs"),
    # the computer
    (N, [ID, "lshw.json"], [NEVER], [""], [DONE], None, "unknown", "identity-differs"),
    (N | HOST, [ID, "lshw.json", "nvme-list.json"], [NEVER], [""], [DONE], "purge", "purge", "fresh"),
    (N | {"host_serial": ""}, [ID, "dmidecode.txt"], [NEVER], [""], [DONE], "purge", "purge", "fresh"),
    (N | HOST, ["lshw.json"], [NEVER], [""], [DONE], "purge", "purge", "fresh"),
    (N | HOST, ["lsblk.txt"], [NEVER], [""], [DONE], "purge", "purge", "fresh"),
    (N | HOST, ["dmidecode.txt"], [NEVER], [""], [DONE], None, "purge", "no-serial"),
    # said in a way that one byte would change
    (N, [ID], [NEVER], [""], ["nvme-sanitize-low-bits.txt"], None, "purge", "said-once"),
    (N, [ID], [NEVER], [""], ["nvme-sanitize-completed.txt"], "purge", "purge", "fresh"),
    # not done
    (N, [ID], [NEVER], [""], [RUNS], None, "incomplete", "in-progress"),
    (N, [ID], [NEVER], [""], [FAILED], None, "failed", "failed"),
    (N, [ID], [NEVER], [""], [], None, "unknown", "claimed"),
    (N, [ID], [NEVER], ["nvme-format.txt"], [], None, "unknown", "claimed"),
    (N, [ID], [], [], [], None, "not-evidence", "no-erasure"),
    (S, [SID], [LOCKED], [REJECTED], [SID], None, "failed", "failed"),
    (S, [SID], [LOCKED], [ERASE], [LOCKED], None, "unknown", "claimed"),
    (S, [SID], [SID], [ERASE], [SID], None, "unknown", "claimed"),
    (S, [SID], [LOCKED], [ERASE, "hdparm-command-security-disable.txt"], [SID], None, "unknown", "claimed"),
    (S, [SID], [LOCKED], ["hdparm-command-security-disable.txt"], [SID], None, "unknown", "claimed"),
    (S, [SID], [LOCKED], [ERASE], ["hdparm-command-security-disable.txt", SID], None, "unknown", "claimed"),
    (S, [SID], [LOCKED, "hdparm-command-security-disable.txt"], [ERASE], [SID], None, "unknown", "claimed"),
    (H, [HID], [IDLE], [OVER], [BAD], None, "failed", "failed"),
    (H, [HID], [IDLE], [OVER], [IDLE], None, "not-evidence", "never"),
    # joined wrongly
    (H, [HID], [IDLE], [OVER, BLOCK], [OK], None, "unknown", "technique-differs"),
    (N, [ID], [NEVER], [""], [OK], None, "unknown", "device-differs"),
    (
        N | {"finished": "2026-04-08T09:00:00+09:00"},
        [ID], [NEVER], [""], [DONE], None, "unknown", "times-out-of-order",
    ),
]  # fmt: skip


def judged(case: Any) -> Any:
    changed, *roles = case[:5]
    names = ("identify", "before", "command", "after")
    documents = [(role, name) for role, names_of in zip(names, roles, strict=True) for name in names_of]
    report = read(session(*documents, **changed), "session.json")
    assert len(report.findings) == 1
    return grade(report.findings[0])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1:5]}")
def test_only_the_whole_story_is_proof(case: Any) -> None:
    level, verdict, code = case[5:]
    found = judged(case)
    codes = {reason.code for reason in (*found.reasons, *found.contradictions)}
    assert (found.level, found.verdict) == (level, verdict), codes
    assert code in codes


# SANICAP and FNA of the identify document (None: taken out) | what is known of the drive's encryption | level
@pytest.mark.parametrize(
    ("sanicap", "fna", "encryption", "level"),
    [
        (0b11, 0, "always", "purge"),
        (0b10, 4, "always", "purge"),
        (0b10, 0, "absent", None),
        (0, 0, "absent", None),
        (0b10, None, "unknown", "purge"),
        (None, None, "unknown", "purge"),
        (None, 4, "always", "purge"),
    ],
)
def test_a_crypto_erase_of_a_drive_that_offers_none_is_no_proof(
    sanicap: int | None, fna: int | None, encryption: str, level: str | None
) -> None:
    whole = frame(("identify", ID), ("before", NEVER), ("command", ""), ("after", DONE))
    identify, log = (json.loads(whole["documents"][number]["content"]) for number in (0, 3))
    for name, value in (("sanicap", sanicap), ("fna", fna)):
        identify.pop(name, None)
        identify |= {} if value is None else {name: value}
    for action, wanted in ((4, level), (2, "purge")):
        log["nvme0"]["cdw10_info"] = action
        whole["documents"][0]["content"], whole["documents"][3]["content"] = json.dumps(identify), json.dumps(log)
        (finding,) = read(json.dumps(whole).encode(), "").findings
        assert finding.encryption == encryption
        assert grade(finding).level == wanted


def test_a_drive_of_ata_that_enciphers_all_it_stores_says_so() -> None:
    whole = frame(("identify", SID), ("before", IDLE), ("command", CRYPTO), ("after", OK), **SSD)
    codes = []
    for line in ("", "\t   *\tDevice encrypts all user data\n"):
        whole["documents"][0]["content"] = sample(SID).replace("Security:", f"{line}Security:")
        found = grade(read(json.dumps(whole).encode(), "").findings[0])
        assert found.level == "purge"
        codes.append(next(reason.code for reason in found.to_validate))
    assert codes == ["validate-key-conditions", "validate-key-copies"]


EMMC = [("mmcblk0", "0x5f1c9a2e"), ("mmcblk0boot0", None), ("mmcblk0rpmb", None)]


@pytest.mark.parametrize("form", ["json", "columns"])
def test_the_boot_areas_of_an_emmc_tell_the_board_from_a_card_and_are_no_drives(form: str) -> None:
    rows = [*EMMC, ("mmcblk1", "0x00000417")]
    if form == "json":
        devices = [{"name": name, "type": "disk", "serial": serial, "rota": False} for name, serial in rows]
        content = json.dumps({"blockdevices": devices})
    else:
        lines = [f"{name:<14}{'disk':<5}{serial or ''}" for name, serial in rows]
        content = "\n".join([f"{'NAME':<14}{'TYPE':<5}SERIAL", *lines, ""])
    found = read(content.encode(), "lsblk").findings
    card = "ssd" if form == "json" else "unknown"
    assert [(one.device, one.kind) for one in found] == [("mmcblk0", "soldered"), ("mmcblk1", card)]


def test_a_proof_says_when_where_and_with_what() -> None:
    content = session(("identify", ID), ("before", NEVER), ("command", ""), ("after", DONE))
    finding = read(content, "s.json").findings[0]
    assert finding.started is not None
    assert finding.finished is not None
    assert finding.started.isoformat() == "2026-04-08T10:00:00+09:00"
    assert (finding.serial, finding.host_serial, finding.kind) == ("S64DNX0R900417", "PC-0418", MediumKind.NVME)


def test_times_of_documents_must_lie_within_the_session_in_order() -> None:
    whole = frame(("identify", ID), ("before", NEVER), ("command", ""), ("after", DONE))
    for minute, document in enumerate(whole["documents"]):
        document["at"] = f"2026-04-08T10:0{minute}:00+09:00"
    whole |= {"finished": "2026-04-08T10:04:00+09:00", "elapsed": 240}
    assert grade(read(json.dumps(whole).encode(), "").findings[0]).level == "purge"
    whole["documents"][1]["at"] = "2026-04-07T10:01:00+09:00"
    altered = grade(read(json.dumps(whole).encode(), "").findings[0])
    assert altered.level is None
    assert {reason.code for reason in altered.contradictions} == {"times-out-of-order"}


# the action of the state before | whether it shows that the completed block erase behind it is another job
@pytest.mark.parametrize(
    ("action", "passes", "is_fresh"), [(2, 0, False), (4, 0, False), (3, 0, False), (0x33, 3, True), (0x33, 2, False)]
)
def test_another_action_before_shows_only_where_two_fields_say_it(action: int, passes: int, is_fresh: bool) -> None:
    whole = frame(("identify", ID), ("before", DONE), ("command", ""), ("after", DONE))
    log = json.loads(whole["documents"][1]["content"])
    log["nvme0"]["cdw10_info"], log["nvme0"]["sstat"]["no_cmplted_passes"] = action, passes
    whole["documents"][1]["content"] = json.dumps(log)
    assert grade(read(json.dumps(whole).encode(), "").findings[0]).fresh == is_fresh


GOOD = [("identify", ID), ("before", NEVER), ("command", ""), ("after", RUNS), ("after", DONE)]


@pytest.mark.parametrize("moved", range(len(GOOD)))
@pytest.mark.parametrize("to", range(len(GOOD)))
def test_documents_must_stand_in_the_order_of_the_job(moved: int, to: int) -> None:
    documents = [one for number, one in enumerate(GOOD) if number != moved]
    documents.insert(to, GOOD[moved])
    found = grade(read(session(*documents), "s.json").findings[0])
    roles = [role.replace("identify", "before") for role, _ in documents]
    in_order = roles == sorted(roles, key=["before", "command", "after"].index)
    assert ("documents-out-of-order" in {reason.code for reason in found.contradictions}) == (not in_order)
    assert found.level is None or in_order


@pytest.mark.parametrize(
    "changed",
    [
        {"meguru-session": 2},
        {"meguru-session": True},
        {"serial": 12},
        {"serial": "X" * 65},
        {"model": None},
        {"started": "yesterday"},
        {"started": "2026-04-08T10:00:00"},
        {"documents": []},
        {"documents": {}},
        {"documents": [1]},
        {"documents": [{"role": "witness", "filename": "a", "content": "b"}]},
        {"documents": [{"role": "after", "filename": "a", "content": ""}]},
        {"documents": [{"role": "after", "filename": "a", "content": "hello"}]},
        {"documents": [{"role": "after", "filename": "a", "content": '{"meguru-session": 1}'}]},
        {"documents": [{"role": "command", "filename": "a", "content": ""}] * 65},
    ],
    ids=str,
)
def test_a_broken_frame_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read(session(("identify", ID), **changed), "session.json")
