from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.certificates.domain.certificate import (
    LOT_LINES_MAX,
    Certificate,
    Made,
    fold,
    next_lot_stream,
    stream_of,
)
from shared.entry import Event
from shared.events.certificates import CertificateRevoked, Cited
from shared.events.tracking import TakenOver
from shared.ids import uuid7
from shared.refused import Refused

ITEM, MEDIUM = uuid7(), uuid7()
STREAM = stream_of("destruction", MEDIUM)
CITED = Cited(entry=uuid7(), stream=uuid7(), sequence=3)
MADE = Made("a" * 64, "b" * 64, "c" * 64, "d" * 64, 7)
LATER = Cited(entry=uuid7(), stream=CITED.stream, sequence=5)
ACTS = ("request", "request-later", "issue", "fall-due", "revoke", "reissue", "accept", "reject")


def decide(state: Certificate, act: str) -> Event:
    number = "D-NA74-QKCH-Q"
    match act:
        case "request" | "request-later":
            return state.request(
                STREAM,
                number=number,
                kind="destruction",
                item=ITEM,
                label="NA74QKCHQ",
                medium=MEDIUM,
                cites=[CITED if act == "request" else LATER],
            )
        case "issue":
            return state.issue(MADE)
        case "fall-due":
            return state.fall_due(STREAM, number=number, item=ITEM, due_on=date(2026, 1, 1))
        case "revoke":
            return state.revoke("誤り")
        case "reissue":
            return state.reissue("誤り", "wrong-medium")[0]
        case _:
            return state.validate("person", accepted=act == "accept", remark="台数")


TABLE = """
before                    | request           | request-later     | issue            | fall-due    | revoke          | reissue         | accept            | reject
-                         | ok                | ok                | not-to-be-issued | ok          | not-issued      | not-issued      | not-standing      | not-standing
request                   | already-requested | ok                | ok               | ok          | not-issued      | not-issued      | not-standing      | not-standing
request-later             | already-requested | already-requested | ok               | ok          | not-issued      | not-issued      | not-standing      | not-standing
fall-due                  | ok                | ok                | not-to-be-issued | not-overdue | not-issued      | not-issued      | not-standing      | not-standing
fall-due request          | already-requested | ok                | ok               | not-overdue | not-issued      | not-issued      | not-standing      | not-standing
request fall-due          | already-requested | ok                | ok               | not-overdue | not-issued      | not-issued      | not-standing      | not-standing
request issue             | already-requested | already-requested | not-to-be-issued | not-overdue | ok              | ok              | ok                | ok
request fall-due issue    | already-requested | already-requested | not-to-be-issued | not-overdue | ok              | ok              | ok                | ok
request issue accept      | already-requested | already-requested | not-to-be-issued | not-overdue | ok              | ok              | already-validated | ok
request issue reject      | already-requested | already-requested | not-to-be-issued | not-overdue | ok              | ok              | ok                | already-validated
request issue revoke      | already-requested | already-requested | not-to-be-issued | not-overdue | already-revoked | ok              | not-standing      | not-standing
request issue reissue     | already-requested | already-requested | not-to-be-issued | not-overdue | already-revoked | already-revoked | not-standing      | not-standing
"""  # noqa: E501 - a table is read across
ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()][1:]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_decision_from_every_state(row: list[str]) -> None:
    events: list[Event] = []
    for act in [] if row[0] == "-" else row[0].split():
        events.append(decide(fold(events), act))
    for act, expected in zip(ACTS, row[1:], strict=True):
        try:
            decide(fold(events), act)
            said = "ok"
        except Refused as no:
            said = no.code
        assert said == expected, act


@given(st.lists(st.sampled_from(ACTS), max_size=12))
def test_whatever_is_asked_it_is_issued_at_most_once_and_only_after_a_request(acts: list[str]) -> None:
    events: list[Event] = []
    for act in acts:
        try:
            events.append(decide(fold(events), act))
        except Refused:
            continue
    kinds = [event.kind.split(".")[1] for event in events]
    assert kinds.count("issued") <= 1
    assert kinds.count("overdue") <= 1
    assert kinds.count("requested") <= 2, "on its first grounds, and on later ones"
    assert kinds.count("revoked") <= 2, "and a replacement named later"
    if "issued" in kinds:
        assert kinds.index("requested") < kinds.index("issued")
        assert "requested" not in kinds[kinds.index("issued") :]
    for later in ("revoked", "validated"):
        if later in kinds:
            assert kinds.index("issued") < kinds.index(later)
    named = {event.replaced_by for event in events if isinstance(event, CertificateRevoked)} - {None}
    assert len(named) <= 1, "one certificate stands in its place"


@pytest.mark.parametrize("reason", ["", " ", "長" * 501])
def test_a_revocation_needs_a_reason(reason: str) -> None:
    state = fold([asked := decide(Certificate(), "request"), decide(fold([asked]), "issue")])
    with pytest.raises(Refused, match="理由"):
        state.revoke(reason)


def test_a_replacement_has_the_next_number_and_keeps_the_reason_of_an_earlier_revocation() -> None:
    events = [asked := decide(Certificate(), "request"), decide(fold([asked]), "issue")]
    revoked, number = fold(events).reissue("読み違い", "wrong-medium")
    assert (str(number), revoked.replaced_by, revoked.code) == ("D-NA74-QKCH-Q-R2",) * 2 + ("wrong-medium",)
    alone = fold(events).revoke("読み違い", "wrong-party")
    later, _ = fold([*events, alone]).reissue("ほかの理由", "other")
    assert (later.reason, later.code, later.replaced_by) == ("読み違い", "wrong-party", "D-NA74-QKCH-Q-R2")


def test_a_lot_lists_something_and_not_too_much_and_another_stands_in_its_place() -> None:
    lot: dict[str, Any] = {"number": "L-NA74-QKCH-Q", "engagement": ITEM, "list_sha256": "a" * 64}
    for lines in (0, LOT_LINES_MAX + 1):
        with pytest.raises(Refused, match="載せる証明書"):
            Certificate().request_lot(STREAM, lines=lines, **lot)
    asked = Certificate().request_lot(STREAM, lines=LOT_LINES_MAX, **lot)
    issued = fold([asked]).issue(MADE)
    assert (issued.certificate_kind, issued.item, issued.label) == ("lot", None, "NA74QKCHQ")
    revoked, number = fold([asked, issued]).reissue("誤り", "other")
    assert (revoked.replaced_by, str(number), revoked.item) == ("L-NA74-QKCH-Q-R2", "L-NA74-QKCH-Q-R2", None)
    assert next_lot_stream(STREAM) not in (STREAM, next_lot_stream(next_lot_stream(STREAM)))
    with pytest.raises(Refused, match="作成中"):
        fold([asked]).request_lot(STREAM, lines=1, **lot)


def test_who_does_not_accept_says_why() -> None:
    state = fold([asked := decide(Certificate(), "request"), decide(fold([asked]), "issue")])
    with pytest.raises(Refused, match="理由"):
        state.validate("person", accepted=False, remark=" ")


def test_an_event_of_another_thing_is_an_error() -> None:
    with pytest.raises(ValueError, match="taken-over"):
        fold([TakenOver(item=ITEM)])


def test_a_certificate_has_the_month_of_what_it_certifies_and_one_stream_a_kind() -> None:
    assert str(STREAM)[:13] == str(MEDIUM)[:13]
    assert stream_of("destruction", MEDIUM) == STREAM != stream_of("erasure", MEDIUM)
    assert stream_of("destruction", MEDIUM, 2) not in (STREAM, stream_of("destruction", MEDIUM, 3))
