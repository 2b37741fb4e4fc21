"""Keys with an end: what they signed before it holds and is told, what they signed from then on does not."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.keys import BadKeys, Keys
from verifier.log import parse
from verifier.revocation_list import Revocations
from verifier.tests import sample
from verifier.tests.stamps import stamped
from verifier.verdict import Unreadable, Verdict
from verifier.verification import verify_bytes

LOG_LINE, CREDENTIAL_LINE, PDF_LINE = (
    next(line for line in sample.KEY_TEXT.splitlines() if line.startswith(start))
    for start in ("example.jp/log+", "example.jp/log/credential+", "pdf-")
)
CREATED = datetime.fromisoformat(json.loads(sample.JSON)["proof"]["created"])
SECOND = timedelta(seconds=1)
STAMPED = datetime(2021, 9, 30, 7, 6, tzinfo=UTC)


def at(moment: datetime) -> str:
    return f" revoked={moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def marked(line: str, moment: datetime, text: str = sample.KEY_TEXT) -> Keys:
    return Keys.parse(text.replace(line, f"{line}{at(moment)} # stolen"))


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if check.status == "failed"]


@pytest.mark.parametrize("data", [sample.JSON, sample.PDF], ids=["json", "pdf"])
@pytest.mark.parametrize(("line", "check"), [(CREDENTIAL_LINE, "signature"), (LOG_LINE, "log")])
def test_a_key_s_work_holds_before_its_revocation_and_not_from_then_on(data: bytes, line: str, check: str) -> None:
    before = verify_bytes("x", data, marked(line, CREATED + SECOND))
    assert before.ok, before.checks
    told = next(one for one in before.checks if one.name == check)
    assert "その後" in told.ja
    assert "失効しました" in told.ja
    assert "revoked later" in told.en
    assert "ほかに保証するものはない" in told.ja, "nobody but the signer says when"
    after = verify_bytes("x", data, marked(line, CREATED))
    assert failed(after) == [check]
    assert "失効しています" in next(one for one in after.checks if one.name == check).ja


def test_the_key_of_the_page_has_an_end_too() -> None:
    signed = verify_bytes("x", sample.PDF, sample.KEYS)
    assert signed.ok
    assert "失効" not in "".join(check.ja for check in signed.checks)
    before = verify_bytes("x", sample.PDF, marked(PDF_LINE, CREATED + timedelta(minutes=5)))
    assert before.ok, before.checks
    assert "The key that signed the PDF was revoked later" in before.checks[0].en
    after = verify_bytes("x", sample.PDF, marked(PDF_LINE, CREATED - timedelta(minutes=5)))
    assert failed(after) == ["signature"]
    assert "is right" in after.checks[0].en, "what the JSON inside says still holds"


def test_a_trusted_time_stamp_counts_and_not_what_the_signer_says() -> None:
    content, digest = stamped(STAMPED)  # signed today, by its own word
    text = f"{sample.KEY_TEXT}pdf-certificate-sha256 {digest}{at(STAMPED + SECOND)}\n"
    alone = verify_bytes("x", content, Keys.parse(text))
    assert failed(alone) == ["signature"]
    assert "署名者の申告" in alone.checks[0].ja
    known = f"{text}timestamp-certificate-sha256 {digest}\n"
    vouched = verify_bytes("x", content, Keys.parse(known))
    assert vouched.ok, vouched.checks
    assert "時刻認証による" in vouched.checks[0].ja
    late = verify_bytes("x", content, Keys.parse(known.replace(at(STAMPED + SECOND), at(STAMPED))))
    assert failed(late) == ["signature"]


@pytest.mark.parametrize("line", [CREDENTIAL_LINE, LOG_LINE])
def test_a_stamp_on_the_file_dates_what_lies_in_it(line: str) -> None:
    content, digest = stamped(STAMPED)
    text = f"{sample.KEY_TEXT}pdf-certificate-sha256 {digest}\ntimestamp-certificate-sha256 {digest}\n"
    good = verify_bytes("x", content, marked(line, STAMPED + SECOND, text))
    assert good.ok, good.checks
    assert "by a time stamp" in " ".join(check.en for check in good.checks[:3] if "revoked" in check.en)
    assert failed(verify_bytes("x", content, marked(line, STAMPED, text))) != []


def test_a_bare_proof_under_a_revoked_log_key_cannot_be_dated() -> None:
    verdict = verify_bytes("x", sample.PROOF, marked(LOG_LINE, CREATED + timedelta(days=9999)))
    assert failed(verdict) == ["signature"]
    assert "いつ署名したものかが分からない" in verdict.checks[0].ja


def test_a_key_file_without_an_end_reads_as_ever() -> None:
    assert {key.revoked for key in (*sample.KEYS.logs, *sample.KEYS.credentials)} == {None}
    assert set(sample.KEYS.certificates.values()) == {None}


@pytest.mark.parametrize("line", [LOG_LINE, CREDENTIAL_LINE, PDF_LINE])
def test_of_several_lines_the_earliest_end_stands(line: str) -> None:
    early, late = CREATED, CREATED + SECOND
    for text in (
        f"{line}{at(late)}{at(early)}",
        f"{line}\n{line}{at(early)}",
        f"{line}{at(early)}\n{line}",
        f"{line}{at(late)}\n{line}{at(early)}\n{line}",
    ):
        keys = Keys.parse(text)
        (found,) = [*(one.revoked for one in (*keys.logs, *keys.credentials)), *keys.certificates.values()]
        assert found == early, text


@pytest.mark.parametrize(
    "word",
    [
        "expired",
        "revoked",
        "revoked=",
        "revoked=2027-01-05",
        "revoked=2027-01-05T00:00:00",
        "revoked=2027-01-05T00:00:00+09:00",
        "revoked=2027-02-30T00:00:00Z",
        "revoked=２０２７-01-05T00:00:00Z",
        "Revoked=2027-01-05T00:00:00Z",
        "revoked=2027-01-05T00:00:00Z trusted",
    ],
)
@pytest.mark.parametrize("line", [LOG_LINE, CREDENTIAL_LINE, PDF_LINE])
def test_an_unknown_word_is_an_error_that_names_its_line(line: str, word: str) -> None:
    with pytest.raises(BadKeys, match=r"2 行目.*Line 2"):
        Keys.parse(f"# comment\n{line} {word}\n")


@given(st.text(max_size=40))
def test_whatever_stands_behind_a_key_is_an_end_a_comment_or_an_error(junk: str) -> None:
    said = "".join(junk.splitlines())
    try:
        keys = Keys.parse(f"{PDF_LINE} {said}")
    except BadKeys:
        return
    assert said.partition("#")[0].split() == [] or None not in keys.certificates.values()


def test_a_log_s_key_signs_up_to_its_last_head_and_none_larger() -> None:
    size = parse(sample.PROOF.decode()).size
    for until, ok in ((size, True), (size + 1, True), (size - 1, False), (0, False)):
        keys = Keys.parse(sample.KEY_TEXT.replace(LOG_LINE, f"{LOG_LINE} until={until} # retired"))
        for data, check in ((sample.PROOF, "signature"), (sample.JSON, "log"), (sample.PDF, "log")):
            verdict = verify_bytes("x", data, keys)
            assert failed(verdict) == ([] if ok else [check]), (until, data[:9])
        if not ok:
            assert f"{until} 件までのもので" in verdict.checks[2].ja
    twice = Keys.parse(f"{sample.KEY_TEXT}{LOG_LINE} until={size}\n{LOG_LINE} until={size - 1}\n{LOG_LINE} until=999\n")
    assert failed(verify_bytes("x", sample.PROOF, twice)) == ["signature"]


def test_a_key_that_has_ended_does_not_excuse_one_that_was_revoked() -> None:
    proof = parse(sample.PROOF.decode())
    both = sample.vkey(proof.origin, sample.LIAR).strip()
    identifier = bytes.fromhex(both.split("+")[1])
    line = f"— {proof.origin} {b64encode(identifier + sample.LIAR.sign(proof.head.text.encode())).decode()}\n"
    signed = sample.PROOF + line.encode()  # as in an overlap
    stolen = sample.KEY_TEXT.replace(LOG_LINE, f"{LOG_LINE}{at(CREATED)}")
    assert verify_bytes("x", signed, Keys.parse(f"{stolen}{both}\n")).ok, "the other key signed it, too"
    ended = Keys.parse(f"{stolen}{both} until={proof.size - 1}\n")
    assert failed(verify_bytes("x", signed, ended)) == ["signature"]


@pytest.mark.parametrize(
    "word", ["until=", "until=-1", "until=01", "until=1,000", "until=１", "Until=1", f"until=1{'0' * 19}"]
)
def test_an_end_that_is_no_size_is_an_error(word: str) -> None:
    with pytest.raises(BadKeys, match=r"1 行目.*Line 1"):
        Keys.parse(f"{LOG_LINE} {word}\n")


@pytest.mark.parametrize("line", [CREDENTIAL_LINE, PDF_LINE])
def test_only_a_log_s_key_ends_with_a_size(line: str) -> None:
    with pytest.raises(BadKeys, match="until=5"):
        Keys.parse(f"{line} until=5\n")


def test_a_stolen_key_that_dates_its_signature_back_cannot_issue_anything_newer() -> None:
    line = sample.vkey("example.jp/log/credential", sample.LIAR).strip()
    keys = Keys.parse(f"{sample.KEY_TEXT}{line} revoked=2022-01-01T00:00:00Z\n")
    newer = json.loads(sample.JSON) | {"validFrom": "2022-02-01T00:00:00Z"}
    assert failed(verify_bytes("x", sample.resigned(newer, created="2021-12-01T00:00:00Z"), keys)) == ["signature"]
    empty = json.loads(sample.REVOKED) | {"validFrom": "2022-02-01T00:00:00Z", "validUntil": "2022-02-08T00:00:00Z"}
    empty["credentialSubject"]["revoked"] = []
    with pytest.raises(Unreadable, match="失効"):
        forged = sample.resigned(empty, created="2021-12-01T00:00:00Z")
        Revocations.parse(forged, keys, datetime(2022, 2, 2, tzinfo=UTC))
