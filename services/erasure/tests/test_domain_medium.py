from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.erasure.domain.finding import Finding
from services.erasure.domain.medium import Filing, Registered, fold, judge, speaks_of_erasure
from services.erasure.domain.technique import Freshness, MediumKind, Outcome, Technique, Verification
from services.erasure.tests.conftest import required
from shared.events.erasure import ErasureFailed, Evidence, MediumErased, Photo, ReportFiled
from shared.ids import uuid7
from shared.levels import Level
from shared.refused import Refused
from shared.testing import TOWN, Growing

SHOTS = (Photo(sha256="a" * 64, role="after"),)
FILING = Filing(Evidence(sha256="b" * 64, filename="r.json", tool="nvme-cli"), "takasaki", "on-site")
IT = Registered(uuid7(), uuid7(), TOWN, "7K3D9Q2MX", "000E12", "ssd", required())


def finding(**changed: Any) -> Finding:
    whole: dict[str, Any] = {
        "technique": Technique.ATA_SANITIZE_BLOCK,
        "outcome": Outcome.COMPLETED,
        "words": "done",
        "serial": "000E12",
        "kind": MediumKind.SSD,
        "verification": Verification.DEVICE_STATUS,
        "freshness": Freshness.SESSION,
    }
    return Finding(**(whole | changed))


CLEAR = {"technique": Technique.OVERWRITE, "freshness": Freshness.LOGGED, "verification": Verification.LAST_PASS}
FAILED = {"outcome": Outcome.FAILED}
SAYS: dict[str, dict[str, Any]] = {"purged": {}, "cleared": CLEAR, "failed": FAILED}


def lived(steps: str) -> Growing:
    """Let a medium go through steps, each by the same people."""
    growing = Growing(stream=IT.medium)
    for step in steps.split():
        state = fold(growing.entries)
        match step:
            case "purged":
                growing.add(judge(IT, finding(), FILING))
            case "cleared":
                growing.add(judge(IT, finding(**CLEAR), FILING))
            case "failed":
                growing.add(judge(IT, finding(**FAILED), FILING))
            case "removed":
                growing.add(state.remove(IT))
            case "verified" | "found":
                growing.add(state.verify(IT, verifier="abe", method="read back", passed=step == "verified"))
            case "destroyed":
                growing.add(crush(growing))
    return growing


def crush(growing: Growing, it: Registered = IT, witness: str | None = None) -> Any:
    return fold(growing.entries).destroy(
        it, technique="crush", machine="2", photos=SHOTS, operator="takasaki", witness=witness
    )


# what was done            | asked on site | assurance                    | excepted | witness | missing
DESTRUCTIONS = """
                           | purge         | onsite_erase_plus_certificate | no       | no      | on-site-level
purged                     | purge         | onsite_erase_plus_certificate | no       | no      |
purged removed             | purge         | onsite_erase_plus_certificate | no       | no      |
cleared                    | purge         | onsite_erase_plus_certificate | no       | no      | on-site-level
cleared                    | clear         | onsite_erase_plus_certificate | no       | no      |
failed                     | purge         | onsite_erase_plus_certificate | no       | no      | on-site-level
failed                     | purge         | onsite_erase_plus_certificate | yes      | no      |
failed purged              | purge         | onsite_erase_plus_certificate | no       | no      |
purged failed              | purge         | onsite_erase_plus_certificate | no       | no      |
purged                     | purge         | witnessed                     | no       | no      | witness
purged                     | purge         | both                          | no       | yes     |
                           | purge         | both                          | no       | no      | on-site-level witness
                           | -             | onsite_erase_plus_certificate | no       | no      |
"""


@pytest.mark.parametrize("row", [line.split("|") for line in DESTRUCTIONS.strip("\n").splitlines()], ids=lambda r: r[0])
def test_a_destruction_is_recorded_with_what_is_missing(row: list[str]) -> None:
    steps, on_site, assurance, excepted, witness, missing = (cell.strip() for cell in row)
    asked = required(None if on_site == "-" else Level(on_site), assurance)
    it = replace(IT, required=asked, excepted=excepted == "yes")
    event = crush(lived(steps), it, "sato" if witness == "yes" else None)
    assert event.missing == tuple(missing.split())
    assert event.conformant is (not missing)


@pytest.mark.parametrize(
    ("steps", "item_kind", "kind", "remarks"),
    [
        ("purged", "notebook", "ssd", ("not-removed",)),
        ("purged removed", "notebook", "ssd", ()),
        ("purged", "loose-drive", "ssd", ()),
        ("purged", "notebook", "soldered", ()),
    ],
)
def test_a_destruction_that_nobody_saw_taken_out_is_remarked_and_conforms(
    steps: str, item_kind: str, kind: str, remarks: tuple[str, ...]
) -> None:
    event = crush(lived(steps), replace(IT, item_kind=item_kind, kind=kind))
    assert (event.remarks, event.conformant) == (remarks, True)


def test_the_same_drive_cannot_be_crushed_twice_and_the_sentence_says_when_and_where() -> None:
    growing = lived("purged destroyed")
    with pytest.raises(Refused, match=str(growing.entries[-1].id)) as refused:
        crush(growing)
    assert refused.value.code == "already-destroyed"
    assert "2026-11-24T01:00:00" in refused.value.ja
    assert IT.label in refused.value.en


# what was done    | verifier | refused
LOOKS = """
purged             | abe      |
purged             | takasaki | same-person
failed purged      | takasaki | same-person
                   | abe      | nothing-to-verify
failed             | abe      | nothing-to-verify
purged verified    | abe      |
purged destroyed   | abe      |
purged found       | abe      | erase-again
purged found failed | abe     | erase-again
purged found purged | abe     |
"""


@pytest.mark.parametrize("row", [line.split("|") for line in LOOKS.strip("\n").splitlines()], ids="".join)
def test_a_second_look_takes_a_second_person(row: list[str]) -> None:
    steps, verifier, code = (cell.strip() for cell in row)
    state = fold(lived(steps).entries)
    if not code:
        assert state.verify(IT, verifier=verifier, method="read", passed=False).passed is False
        return
    with pytest.raises(Refused) as refused:
        state.verify(IT, verifier=verifier, method="read", passed=True)
    assert refused.value.code == code


def test_a_fact_that_comes_late_is_recorded_all_the_same() -> None:
    late = lived("destroyed removed purged")
    state = fold(late.entries)
    assert (state.removed, state.reached, state.destroyed is not None) == (True, Level.PURGE, True)


def test_an_event_of_something_else_in_a_medium_is_an_error() -> None:
    growing = Growing()
    growing.add(ReportFiled(report=uuid7(), evidence=FILING.evidence, serials=()))
    with pytest.raises(ValueError, match="not an event of a medium"):
        fold(growing.entries)


STEPS = st.lists(st.sampled_from(["purged", "cleared", "failed", "removed", "verified", "destroyed"]), max_size=12)


@given(STEPS)
def test_whatever_order_facts_come_in_a_level_never_sinks_and_a_drive_is_crushed_once(steps: list[str]) -> None:
    growing = Growing(stream=IT.medium)
    best: Level | None = None
    codes: set[str] = set()
    for step in steps:
        state = fold(growing.entries)
        try:
            match step:
                case "purged" | "cleared" | "failed":
                    growing.add(judge(IT, finding(**SAYS[step]), FILING))
                case "removed":
                    growing.add(state.remove(IT))
                case "verified":
                    growing.add(state.verify(IT, verifier="abe", method="read", passed=True))
                case _:
                    growing.add(crush(growing))
        except Refused as refused:
            codes.add(refused.code)
        reached = fold(growing.entries).reached
        assert best is None or (reached is not None and reached >= best)
        best = reached
    assert codes <= {"already-destroyed", "nothing-to-verify"}
    kinds = [entry.kind for entry in growing.entries]
    assert kinds.count("erasure.medium-destroyed.v1") == int("destroyed" in steps)


# what the report says     | asked | event  | achieved | sufficient | a reason
JUDGEMENTS = [
    ({}, "purge", MediumErased, "purge", True, "technique-reaches"),
    (CLEAR, "purge", MediumErased, "clear", False, "host-overwrite"),
    (CLEAR, "clear", MediumErased, "clear", True, "host-overwrite"),
    (FAILED, "purge", ErasureFailed, None, False, "failed"),
    ({"serial": ""}, "purge", ErasureFailed, None, False, "bound-by-label"),
    ({"serial": "OOOEI2"}, "purge", MediumErased, "purge", True, "bound-by-person"),
    ({"freshness": Freshness.STATE_ONLY}, "purge", ErasureFailed, None, False, "not-fresh"),
    ({"kind": MediumKind.HDD}, "purge", ErasureFailed, None, False, "kind-differs"),
]


@pytest.mark.parametrize("row", JUDGEMENTS, ids=lambda row: row[-1])
def test_evidence_decides(row: Any) -> None:
    changed, asked, kind, achieved, sufficient, code = row
    event = judge(replace(IT, required=required(Level(asked))), finding(**changed), FILING)
    assert type(event) is kind
    assert getattr(event, "achieved", None) == achieved
    assert getattr(event, "sufficient", False) is sufficient
    assert code in [reason.code for reason in event.reasons]
    assert all(reason.ja and reason.en for reason in event.reasons)


def test_where_it_is_not_enough_the_reasons_end_with_what_would_raise_it() -> None:
    assert judge(IT, finding(**CLEAR), FILING).reasons[-1].code == "sanitize-instead"


def test_an_inventory_says_nothing_of_an_erasure() -> None:
    silent = {outcome for outcome in Outcome if not speaks_of_erasure(finding(outcome=outcome))}
    assert silent == {Outcome.NONE, Outcome.NEVER}
