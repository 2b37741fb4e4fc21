import string

import pytest

from services.erasure.domain.finding import Finding
from services.erasure.domain.grading import TABLE_CURRENT, TABLE_FIRST, TABLES, grade
from services.erasure.domain.reason import SENTENCES, Reason, because
from services.erasure.domain.technique import (
    Encryption,
    Freshness,
    Hidden,
    MediumKind,
    Outcome,
    Technique,
    Verification,
)
from shared.levels import Level, at_least

# technique                    | hdd   | ssd   | nvme  | unknown | soldered (the rest of the finding is a whole proof)
TABLE = """
nvme-sanitize-block         | -     | -     | purge | -     | -
nvme-sanitize-crypto        | -     | -     | purge | -     | -
nvme-sanitize-overwrite     | -     | -     | purge | -     | -
nvme-format                 | -     | -     | -     | -     | -
nvme-format-ses1            | -     | -     | clear | -     | -
nvme-format-ses2            | -     | -     | purge | -     | -
ata-sanitize                | purge | clear | -     | purge | clear
ata-sanitize-block          | -     | purge | -     | purge | purge
ata-sanitize-crypto         | purge | purge | -     | purge | purge
ata-sanitize-overwrite      | purge | clear | -     | clear | clear
ata-security-erase          | clear | clear | -     | clear | clear
ata-security-erase-enhanced | clear | clear | -     | clear | clear
factory-reset               | -     | -     | -     | -     | clear
overwrite                   | clear | clear | clear | clear | clear
discard                     | -     | -     | -     | -     | -
read-only                   | -     | -     | -     | -     | -
none                        | -     | -     | -     | -     | -
unknown                     | -     | -     | -     | -     | -
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]
KINDS = (MediumKind.HDD, MediumKind.SSD, MediumKind.NVME, MediumKind.UNKNOWN, MediumKind.SOLDERED)


def proof(**changed: object) -> Finding:
    whole: dict[str, object] = {
        "technique": Technique.ATA_SANITIZE_BLOCK,
        "outcome": Outcome.COMPLETED,
        "words": "done",
        "serial": "000E12",
        "kind": MediumKind.SSD,
        "verification": Verification.DEVICE_STATUS,
        "freshness": Freshness.SESSION,
        "hidden": Hidden.NONE,
    }
    return Finding(**(whole | changed))  # type: ignore[arg-type]  # a table of changes, each checked by the assertion


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_technique_on_kind(row: list[str]) -> None:
    for kind, wanted in zip(KINDS, row[1:], strict=True):
        level = grade(proof(technique=Technique(row[0]), kind=kind)).level
        assert level == (None if wanted == "-" else wanted), kind


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_first_table_knew_nothing_soldered_and_says_the_rest_as_it_did(row: list[str]) -> None:
    for kind, wanted in zip(KINDS, row[1:], strict=True):
        was = "-" if kind is MediumKind.SOLDERED else wanted
        level = grade(proof(technique=Technique(row[0]), kind=kind), version=TABLE_FIRST).level
        assert level == (None if was == "-" else was), kind


def test_the_table_tests_every_technique() -> None:
    assert set(KINDS) == set(MediumKind)
    assert [row[0] for row in ROWS] == [str(t) for t in sorted(Technique, key=[row[0] for row in ROWS].index)]


# what is changed in a whole proof | level | verdict | code of a reason
CASES: list[tuple[dict[str, object], str | None, str, str]] = [
    ({}, "purge", "purge", "technique-reaches"),
    ({"outcome": Outcome.FAILED}, None, "failed", "failed"),
    ({"outcome": Outcome.INCOMPLETE}, None, "incomplete", "incomplete"),
    ({"outcome": Outcome.IN_PROGRESS}, None, "incomplete", "in-progress"),
    ({"outcome": Outcome.NEVER}, None, "not-evidence", "never"),
    ({"outcome": Outcome.NONE}, None, "not-evidence", "no-erasure"),
    ({"outcome": Outcome.CLAIMED}, None, "unknown", "claimed"),
    ({"verification": Verification.NONE}, None, "unknown", "unverified"),
    ({"serial": ""}, None, "purge", "no-serial"),
    ({"serial": "", "freshness": Freshness.LOGGED}, None, "unknown", "no-serial"),
    ({"freshness": Freshness.STATE_ONLY}, None, "purge", "not-fresh"),
    ({"hidden": Hidden.PRESENT}, "clear", "clear", "hidden-areas"),
    ({"contradictions": (because("written-since"),)}, None, "unknown", "contradicting"),
    ({"contradictions": (because("written-since"),), "outcome": Outcome.FAILED}, None, "failed", "failed"),
    ({"technique": Technique.ATA_SECURITY_ERASE_ENHANCED}, "clear", "clear", "enhanced-erase-on-flash"),
    ({"technique": Technique.ATA_SANITIZE_OVERWRITE}, "clear", "clear", "overwrite-on-flash"),
    ({"technique": Technique.OVERWRITE}, "clear", "clear", "host-overwrite"),
    (
        {"technique": Technique.FACTORY_RESET, "kind": MediumKind.SOLDERED},
        "clear",
        "clear",
        "reset-of-device",
    ),
    (
        {"technique": Technique.FACTORY_RESET, "kind": MediumKind.SOLDERED, "outcome": Outcome.CLAIMED},
        None,
        "unknown",
        "claimed",
    ),
    ({"technique": Technique.DISCARD, "kind": MediumKind.SOLDERED}, None, "unknown", "not-applicable"),
    (
        {"technique": Technique.ATA_SANITIZE_OVERWRITE, "kind": MediumKind.SOLDERED},
        "clear",
        "clear",
        "overwrite-on-flash",
    ),
    (
        {"technique": Technique.ATA_SANITIZE_CRYPTO, "encryption": Encryption.ALWAYS},
        "purge",
        "purge",
        "technique-reaches",
    ),
    (
        {"technique": Technique.ATA_SANITIZE_CRYPTO, "encryption": Encryption.ABSENT},
        None,
        "unknown",
        "crypto-not-offered",
    ),
    ({"encryption": Encryption.ABSENT}, "purge", "purge", "technique-reaches"),
    ({"technique": Technique.READ_ONLY}, None, "unknown", "read-only"),
    ({"technique": Technique.ATA_SANITIZE_BLOCK, "kind": MediumKind.HDD}, None, "unknown", "not-applicable"),
    ({"technique": Technique.ATA_SANITIZE_OVERWRITE, "kind": MediumKind.UNKNOWN}, "clear", "clear", "kind-unknown"),
]


@pytest.mark.parametrize(("changed", "level", "verdict", "code"), CASES, ids=lambda value: str(value)[:60])
def test_one_thing_missing_and_what_is_said_of_it(
    changed: dict[str, object], level: str | None, verdict: str, code: str
) -> None:
    judged = grade(proof(**changed))
    assert (judged.level, judged.verdict) == (level, verdict)
    assert code in {reason.code for reason in judged.reasons}
    assert judged.table_version == TABLE_CURRENT


# registered | reported | level of a SANITIZE OVERWRITE
@pytest.mark.parametrize(
    ("registered", "reported", "level"),
    [
        (MediumKind.HDD, MediumKind.UNKNOWN, "purge"),
        (MediumKind.SSD, MediumKind.UNKNOWN, "clear"),
        (MediumKind.UNKNOWN, MediumKind.HDD, "purge"),
        (MediumKind.HDD, MediumKind.SSD, None),
        (MediumKind.SSD, MediumKind.HDD, None),
    ],
)
def test_registration_and_report_must_agree(registered: MediumKind, reported: MediumKind, level: str | None) -> None:
    judged = grade(proof(technique=Technique.ATA_SANITIZE_OVERWRITE, kind=reported), registered)
    assert judged.level == level
    assert bool(judged.contradictions) == (level is None)


def test_nvme_registered_as_an_ssd_is_the_same_family() -> None:
    judged = grade(proof(technique=Technique.NVME_SANITIZE_BLOCK, kind=MediumKind.NVME), MediumKind.SSD)
    assert judged.level == "purge"


def test_verification_and_validation_are_apart() -> None:
    judged = grade(proof(technique=Technique.ATA_SANITIZE_CRYPTO, hidden=Hidden.UNKNOWN))
    assert (judged.level, judged.verification) == ("purge", Verification.DEVICE_STATUS)
    assert [reason.code for reason in judged.to_validate] == ["validate-key-conditions", "validate-hidden-areas"]


def test_a_drive_that_always_enciphers_leaves_only_the_copies_of_its_key_to_accept() -> None:
    judged = grade(proof(technique=Technique.ATA_SANITIZE_CRYPTO, encryption=Encryption.ALWAYS))
    assert [reason.code for reason in judged.to_validate] == ["validate-key-copies"]


# what answers on the board | registered | level | is breaking the board named as what reaches more
@pytest.mark.parametrize(
    ("technique", "reported", "registered", "level", "board"),
    [
        (Technique.NVME_SANITIZE_BLOCK, MediumKind.NVME, MediumKind.SOLDERED, "purge", False),
        (Technique.NVME_FORMAT_SES1, MediumKind.NVME, MediumKind.SOLDERED, "clear", True),
        (Technique.OVERWRITE, MediumKind.UNKNOWN, MediumKind.SOLDERED, "clear", True),
        (Technique.OVERWRITE, MediumKind.SOLDERED, MediumKind.SSD, "clear", True),
        (Technique.OVERWRITE, MediumKind.HDD, MediumKind.SOLDERED, None, True),
        (Technique.FACTORY_RESET, MediumKind.UNKNOWN, MediumKind.SOLDERED, "clear", True),
        (Technique.FACTORY_RESET, MediumKind.UNKNOWN, None, None, False),
    ],
)
def test_what_is_soldered_goes_by_what_answers_and_else_the_board_is_broken(
    technique: Technique, reported: MediumKind, registered: MediumKind | None, level: str | None, *, board: bool
) -> None:
    judged = grade(proof(technique=technique, kind=reported), registered)
    assert judged.level == level
    assert ("destroy-board" in {reason.code for reason in judged.would_raise}) is board


def test_what_would_raise_it_is_said() -> None:
    assert [r.code for r in grade(proof(technique=Technique.OVERWRITE)).would_raise] == ["sanitize-instead"]
    assert [r.code for r in grade(proof(freshness=Freshness.STATE_ONLY)).would_raise] == ["capture-session"]
    assert [r.code for r in grade(proof(hidden=Hidden.PRESENT)).would_raise] == ["remove-hidden-areas"]


def test_a_table_that_never_existed_is_an_error() -> None:
    assert set(TABLES) == {TABLE_FIRST, TABLE_CURRENT}
    with pytest.raises(KeyError):
        grade(proof(), version="tomorrow")


def test_every_reason_has_both_sentences_with_the_same_blanks() -> None:
    def blanks(sentence: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}

    for code, (ja, en) in SENTENCES.items():
        assert blanks(ja) == blanks(en), code
        filled = Reason(code, tuple((name, "{hostile}") for name in blanks(ja)))
        assert "{hostile}" in filled.ja or not blanks(ja)
        assert ja != en
    with pytest.raises(KeyError):
        because("no-such-code")
    with pytest.raises(KeyError):
        because("failed")


def test_levels_have_an_order_of_their_own() -> None:
    assert Level.CLEAR < Level.PURGE < Level.DESTROY
    assert Level.DESTROY >= Level.PURGE > Level.CLEAR <= Level.CLEAR
    assert sorted([Level.DESTROY, Level.CLEAR, Level.PURGE]) == [Level.CLEAR, Level.PURGE, Level.DESTROY]
    assert at_least(Level.PURGE, Level.CLEAR)
    assert at_least(Level.PURGE, Level.PURGE)
    assert not at_least(Level.CLEAR, Level.PURGE)
    assert at_least(None, None)
    assert not at_least(None, Level.CLEAR)


def test_a_sentence_says_a_code_in_words() -> None:
    for code in (*MediumKind, *Technique, *Verification, Level.CLEAR, Level.PURGE):
        reason = because("technique-reaches", kind=code, technique="x", level="y")
        japanese, english = reason.ja.partition("に対する")[0], reason.en.partition("kind ")[2].partition(",")[0]
        assert japanese != code, "no table has words for this code"
        assert "-" not in japanese + english, "a code is no word"
