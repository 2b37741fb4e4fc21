import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.mail import EMAIL, HEADER_LENGTH_MAX, Accepted, Message, Postman, Postponed, Rejected, Unclear
from shared.settings import Settings
from shared.tests.post import HOST, PASSWORD, USER, Office, office

SENDER = "noreply@meguru.example.jp"
LETTER = Message(
    reference="0193-letter",
    envelope="c0ffee" * 5 + "00",
    to="an@town.example.jp",
    name="髙橋 杏",
    subject="【めぐる】証明書の提出期限が近づいています：2026-12-10（木）まで",
    text="最上町\n髙橋 杏 様\n\n.点で始まる行\nまだ172通です。\n",
    at=datetime(2026, 12, 3, tzinfo=UTC),
)


def postman(port: int, security: str = "none", **more: object) -> Postman:
    return Postman(HOST, port, security, SENDER, **more)  # type: ignore[arg-type]  # words of the tests


@pytest.fixture(scope="module")
def post() -> Iterator[Office]:
    with office() as made:
        yield made


@pytest.fixture(autouse=True)
def quiet(post: Office) -> None:
    post.rcpt = post.data = ""
    post.vanish = False
    post.taken.clear()


async def test_a_letter_arrives_as_it_was_written(post: Office) -> None:
    assert isinstance(await postman(post.port).deliver(LETTER), Accepted)
    (mail,) = post.mails
    assert mail["Subject"] == LETTER.subject
    assert [(one.display_name, one.addr_spec) for one in mail["To"].addresses] == [(LETTER.name, LETTER.to)]
    assert mail["From"].addresses[0].addr_spec == SENDER
    assert mail["Message-ID"] == f"<0193-letter.{LETTER.envelope}@meguru.example.jp>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == LETTER.at
    assert mail.get_content().replace("\r\n", "\n") == LETTER.text
    assert post.taken[0].isascii()
    assert max(len(line) for line in post.taken[0].split(b"\r\n")) <= 998  # RFC 5322, 2.1.1


@given(name=st.text(max_size=300), subject=st.text(max_size=300))
def test_no_name_and_no_subject_adds_a_header(name: str, subject: str) -> None:
    hostile = replace(
        LETTER, name=f"{name}\r\nBcc: all@example.jp\r\n\r\n{name}", subject=f"{subject}\nX-Mine: 1\u2028y"
    )
    mail = postman(1).written(hostile)
    assert set(mail.keys()) == set(postman(1).written(LETTER).keys())
    head = mail.as_bytes().partition(b"\r\n\r\n")[0]
    unfolded = head.replace(b"\r\n ", b" ").split(b"\r\n")
    assert len(unfolded) == len(mail.keys())
    assert not any(line.lower().startswith((b"bcc", b"x-mine")) for line in head.split(b"\r\n"))
    assert [one.addr_spec for one in mail["To"].addresses] == [LETTER.to]
    assert len(mail["Subject"]) <= HEADER_LENGTH_MAX


@pytest.mark.parametrize(
    ("rcpt", "data", "outcome"),
    [
        ("550 5.1.1 user unknown", "", Rejected),
        ("450 4.2.1 mailbox busy", "", Postponed),
        ("", "554 5.7.1 no", Rejected),
        ("", "451 4.3.0 later", Postponed),
    ],
)
async def test_a_refusal_for_good_and_one_for_now_are_told_apart(
    post: Office, rcpt: str, data: str, outcome: type
) -> None:
    post.rcpt, post.data = rcpt, data
    said = await postman(post.port).deliver(LETTER)
    assert isinstance(said, outcome)
    assert (rcpt or data)[4:] in said.said
    assert not post.taken


async def test_the_return_path_is_the_letter_s_own(post: Office) -> None:
    for returns, expected in (("", SENDER), ("bounces@back.example.jp", f"bounces+{LETTER.envelope}@back.example.jp")):
        post.envelopes.clear()
        assert isinstance(await postman(post.port, returns=returns).deliver(LETTER), Accepted)
        assert [back for back, _to, _tls in post.envelopes] == [expected]


async def test_a_server_that_goes_silent_after_the_message_leaves_it_unclear(post: Office) -> None:
    post.vanish = True
    assert isinstance(await postman(post.port).deliver(LETTER), Unclear)
    assert len(post.taken) == 1


async def test_a_server_that_is_not_there_has_surely_not_taken_it() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        port = taken.getsockname()[1]
    assert isinstance(await postman(port).deliver(LETTER), Postponed)


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_tls_is_verified_and_signed_in_to(tmp_path: Path, security: str) -> None:
    with office(security, folder=tmp_path, sign_in=security == "starttls") as there:
        known = {"user": USER, "password": SecretStr(PASSWORD)} if security == "starttls" else {}
        trusting = postman(there.port, security, authorities=tmp_path / "mail.pem", **known)
        assert isinstance(await trusting.deliver(LETTER), Accepted)
        assert there.envelopes == [(SENDER, [LETTER.to], True)]
        stranger = await replace(trusting, authorities=None).deliver(LETTER)
        assert isinstance(stranger, Postponed)
        assert "CERTIFICATE_VERIFY_FAILED" in stranger.said
        if known:
            wrong = await replace(trusting, password=SecretStr("falsch")).deliver(LETTER)
            assert isinstance(wrong, Postponed)
            assert "535" in wrong.said
            assert "falsch" not in wrong.said
        assert len(there.taken) == 1


async def test_a_server_without_tls_gets_nothing_when_tls_is_asked_for(post: Office) -> None:
    said = await postman(post.port, "starttls").deliver(LETTER)
    assert isinstance(said, Postponed)
    assert not post.taken


def test_settings_under_which_a_password_would_go_in_the_clear_are_refused() -> None:
    known = Settings(service="certificates")
    assert Postman.of(known) is None
    named = known.model_copy(update={"smtp_host": "mail.example.jp", "mail_from": SENDER})
    assert Postman.of(named) == Postman("mail.example.jp", 587, "starttls", SENDER, "", SecretStr(""), None)
    with pytest.raises(ValueError, match="in the clear"):
        Postman.of(named.model_copy(update={"smtp_tls": "none", "smtp_user": USER}))
    longest = "a" * 31 + "@a-town-with-a-long-name.pref.example.lg.jp"
    back = Postman.of(named.model_copy(update={"mail_return": longest}))
    assert back
    assert len(back.return_path(LETTER).partition("@")[0]) == 64
    for odd in ("bounces", f"a{longest}"):
        with pytest.raises(ValueError, match="MAIL_RETURN"):
            Postman.of(named.model_copy(update={"mail_return": odd}))
    with pytest.raises(ValueError, match="MAIL_FROM"):
        Postman.of(named.model_copy(update={"mail_from": "めぐる"}))


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("an@town.example.jp", True),
        ("a.b+c@lg.jp", True),
        ("an@localhost", False),
        ("an@town.example.jp\n", False),
        ("an@town..jp", False),
        (".an@town.jp", False),
        ("杏@town.jp", False),
        ("an@town.jp, bob@town.jp", False),
        ("<an@town.jp>", False),
    ],
)
def test_an_address_is_one_plain_address(address: str, good: bool) -> None:
    assert bool(EMAIL.fullmatch(address)) is good
