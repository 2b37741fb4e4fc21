"""A simulated fleet: the same from its seed, read as it was meant, marked, and never evidence of real work."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meguru.simulator import folder
from meguru.simulator.fleet import Fault, fleet
from meguru.simulator.reports import proved, reports
from services.erasure.domain.grading import grade
from services.erasure.domain.medium import Filing, Registered, judge
from services.erasure.reports.read import Unreadable, read
from services.erasure.tests.conftest import required
from shared.events.erasure import ErasureFailed, Evidence, MediumErased
from shared.ids import uuid7
from shared.levels import Level
from shared.simulated import MARK, is_marked, is_simulated, marked
from shared.testing import TOWN

STARTED = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("seed", [0, 1, 63622])
def test_every_drive_is_read_with_the_grade_that_was_meant(seed: int) -> None:
    drives = list(fleet(400, seed))
    found: dict[str, str | None] = dict.fromkeys(proved(drives))
    for name, content in reports(drives, STARTED):
        try:
            findings = read(content, name).findings
        except Unreadable:
            continue
        found |= {one.serial: grade(one).level for one in findings}
    assert found == proved(drives)
    assert {drive.fault for drive in drives} == set(Fault)
    assert set(found.values()) == {"clear", "purge", None}


def test_the_same_seed_is_the_same_world_and_a_larger_one_begins_like_it() -> None:
    small, large = list(fleet(50, 7)), list(fleet(80, 7))
    assert large[:50] == small
    assert list(reports(small, STARTED)) == list(reports(fleet(50, 7), STARTED))
    assert small != list(fleet(50, 8))
    assert len({drive.machine.drive_serial for drive in fleet(2000, 7)}) == 2000


def test_the_files_are_marked_and_none_is_overwritten(tmp_path: Path) -> None:
    written = folder.write(tmp_path / "sim", 60, 3, STARTED)
    assert written == len(list((tmp_path / "sim" / "reports").iterdir()))
    assert MARK in (tmp_path / "sim" / "README.txt").read_text(encoding="utf-8")
    truth = json.loads((tmp_path / "sim" / "truth.json").read_text(encoding="utf-8"))
    assert truth["simulated"] is True
    assert all(is_simulated(drive["serial"]) for drive in truth["drives"])
    rows = (tmp_path / "sim" / "模擬_物品台帳.csv").read_bytes().decode("cp932").splitlines()[1:]
    assert all(row.startswith("模擬-") and "MGRSIM" in row for row in rows)
    with pytest.raises(FileExistsError):
        folder.write(tmp_path / "sim", 60, 3, STARTED)


@pytest.mark.parametrize("tool", ["session", "nwipe"])
@pytest.mark.parametrize("disguised", ["", "000E12"], ids=["as it is", "with a real serial written into it"])
def test_simulated_evidence_never_stands_in_a_real_engagement(tool: str, disguised: str) -> None:
    drive = next(one for one in fleet(400, 5) if one.tool == tool and one.fault is Fault.NONE)
    ((name, content),) = reports([drive], STARTED)
    serial = disguised or drive.machine.drive_serial
    (finding,) = read(content.replace(drive.machine.drive_serial.encode(), serial.encode()), name).findings
    assert (finding.serial, grade(finding).level) == (serial, drive.proved)
    filing = Filing(Evidence(sha256="b" * 64, filename=name, tool="x"), "takasaki", "on-site")
    kind = drive.machine.drive
    for real, registered in ((True, serial), (True, "A-REAL-SERIAL"), (False, serial)):
        it = Registered(
            uuid7(), uuid7(), TOWN, "7K3D9Q2MX", registered, kind, required(Level.CLEAR), simulated=not real
        )
        said = judge(it, finding, filing)
        assert isinstance(said, ErasureFailed if real else MediumErased)
        assert ("simulated" in {reason.code for reason in said.reasons}) is real


def test_marks_survive_what_spoils_a_number_and_are_put_once() -> None:
    assert is_simulated("mgrsim-00 01")
    assert is_simulated("ＭＧＲＳＩＭ0001")
    assert not is_simulated("S64DNX0R900417")
    assert not is_simulated("")
    assert marked(marked("最上町")) == "【模擬】最上町"
    assert not is_marked("最上町【模擬】")
