"""Bounces as Postfix, Exim and Exchange shape them (RFC 3464), and what only looks like one."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bounces import BOUNCE_SIZE_MAX, Bounce, cause, read
from shared.refused import Refused

FOLDER = Path(__file__).parent / "bounces"
SHAPES = ("postfix", "exim", "exchange")
MINE, OTHER = UUID("c0ffee00-0000-4000-8000-00000000beef"), UUID("deadbeef-0000-4000-8000-000000000001")


def shaped(shape: str, envelope: UUID = MINE) -> str:
    """Return a bounce of a letter as a server writes it, with CRLF as it comes."""
    return (FOLDER / f"{shape}.eml").read_text("utf-8").replace("{envelope}", envelope.hex).replace("\n", "\r\n")


def taken(text: str) -> Bounce:
    return read(text.encode())


@pytest.mark.parametrize(
    ("shape", "status", "why", "said"),
    [
        ("postfix", "5.1.1", "address", "User unknown in local recipient table"),
        ("exim", "5.2.2", "full", "Mailbox full"),  # its own status is 5.0.0; the server's is in its words
        ("exchange", "5.1.10", "address", "RESOLVER.ADR.RecipientNotFound"),
    ],
)
def test_what_three_servers_write_is_read(shape: str, status: str, why: str, said: str) -> None:
    bounce = taken(shaped(shape))
    assert (bounce.envelope, bounce.failed, bounce.status) == (MINE, True, status)
    assert said in bounce.said
    assert not bounce.said.lower().startswith("smtp;")
    assert "\n" not in bounce.said
    assert cause(bounce.status) == why
    assert taken(shaped(shape).replace("\r\n", "\n")) == bounce  # as a maildir keeps it


@pytest.mark.parametrize("shape", SHAPES)
def test_either_the_return_path_or_the_returned_head_is_enough(shape: str) -> None:
    whole = shaped(shape)
    without_head = whole.replace(f".{MINE.hex}@", "@")
    without_path = whole.replace(f"+{MINE.hex}@", "@")
    assert taken(without_path).envelope == MINE
    if shape != "exchange":  # it has no sub-address: that server was told MAIL_FROM alone
        assert taken(without_head).envelope == MINE
        assert taken(whole.replace(MINE.hex, MINE.hex.upper())).envelope == MINE  # some servers change case
    with pytest.raises(Refused, match="番号"):
        taken(without_head.replace(f"+{MINE.hex}@", "@"))


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed (to mx.example)", "expanded"])
def test_what_takes_longer_or_arrived_is_no_failure(action: str) -> None:
    assert not taken(shaped("postfix").replace("Action: failed", f"Action: {action}")).failed
    assert taken(shaped("postfix").replace("Action: failed", "Action: Failed (bad address)")).failed


def test_what_names_two_letters_is_of_neither() -> None:
    whole = shaped("postfix")
    with pytest.raises(Refused, match="複数"):
        taken(whole.replace(f"To: bounces+{MINE.hex}@", f"To: bounces+{OTHER.hex}@"))
    with pytest.raises(Refused, match="複数"):
        taken(whole.replace(f".{MINE.hex}@", f".{OTHER.hex}@"))


def test_a_number_in_the_text_or_in_what_is_answered_to_ties_nothing() -> None:
    foreign = shaped("exchange").replace(f".{MINE.hex}@", "@")
    said = f"Please see bounces+{MINE.hex}@meguru.example.jp and <x.{MINE.hex}@meguru.example.jp>"
    planted = foreign.replace("5qyh44Gu5Y+X5L+h6ICF", said).replace(
        "RecipientNotFound;", f"RecipientNotFound; bounces+{MINE.hex}@meguru.example.jp;"
    )
    planted = planted.replace("Subject: =?utf-8?b?6YWN5L+h5LiN6IO9?=", f"Subject: {said}")
    planted = planted.replace("In-Reply-To: <", f"In-Reply-To: <x.{MINE.hex}@meguru.example.jp> <")
    assert planted.count(MINE.hex) > 3
    with pytest.raises(Refused, match="番号"):
        taken(planted)


def test_an_answer_of_somebody_on_holiday_is_no_bounce() -> None:
    answer = (
        f"From: clerk@town.example.jp\r\nTo: bounces+{MINE.hex}@meguru.example.jp\r\n"
        "Subject: Out of office\r\nAuto-Submitted: auto-replied\r\nContent-Type: text/plain\r\n\r\n"
        "550 5.1.1 I am away.\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    )
    with pytest.raises(Refused, match="配送の報告"):
        taken(answer)
    receipt = shaped("postfix").replace("message/delivery-status", "message/disposition-notification")  # RFC 8098
    with pytest.raises(Refused, match="配送の報告"):
        taken(receipt.replace("report-type=delivery-status", "report-type=disposition-notification"))


def test_what_is_too_large_is_not_read() -> None:
    large = shaped("postfix").encode() + b"x" * BOUNCE_SIZE_MAX
    with pytest.raises(Refused, match="バイト"):
        read(large)


@given(content=st.binary(max_size=2000))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    with pytest.raises(Refused):
        read(content)


@given(
    shape=st.sampled_from(SHAPES),
    at=st.floats(0, 1),
    length=st.integers(0, 400),
    put=st.one_of(
        st.binary(max_size=60), st.sampled_from([b"=?utf-8?b?\xff?=", b"\r\n\r\n", b"\x00", b'";=', b"(((("])
    ),
)
def test_a_bounce_that_was_damaged_anywhere_is_this_letter_s_or_refused(
    shape: str, at: float, length: int, put: bytes
) -> None:
    whole = shaped(shape).encode()
    start = int(at * len(whole))
    try:
        bounce = read(whole[:start] + put + whole[start + length :])
    except Refused:
        return
    assert bounce.envelope == MINE


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("5.1.2", "address"), ("5.2.1", "address"), ("5.2.2", "full"), ("4.4.7", "away"), ("5.4.4", "away"),
        ("5.7.1", "policy"), ("5.1.8", "policy"), ("5.0.0", "other"), ("5.6.0", "other"), ("", "other"),
        ("odd", "other"),
    ],
)  # fmt: skip
def test_the_cause_follows_from_the_status(status: str, why: str) -> None:
    assert cause(status) == why


def test_every_sample_is_of_the_letter_it_is_made_for() -> None:
    for shape in SHAPES:
        envelope = uuid4()
        assert taken(shaped(shape, envelope)).envelope == envelope
