"""Signatures with a time stamp: an authority that answers rightly is believed, any other is waited for."""

import asyncio
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms, tsp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator.context import ValidationContext

from services.certificates import examination, signing, timestamps
from services.certificates.document import credential
from services.certificates.signing import BadKey, Means, Signer
from services.certificates.tests import sample
from services.certificates.tests.authority import PEM, Pair, TimeStampAuthority, openssl_answers, waited
from services.certificates.timestamps import Authority, NoStamp, Reply
from shared.settings import SigningSettings
from verifier.keys import Keys
from verifier.verification import verify_bytes

pytestmark = sample.needs_fonts
needs_openssl = pytest.mark.skipif(
    not shutil.which("openssl"), reason="openssl is not installed: apt-get install openssl"
)

LOG = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
NOW = datetime.now(UTC).replace(microsecond=0)
ROOT = Pair.new("root")
PAIR = Pair.new("authority", by=ROOT)


@pytest.fixture
def authority() -> Iterator[TimeStampAuthority]:
    with TimeStampAuthority(ROOT, PAIR).running() as running:
        yield running


def means(authority: TimeStampAuthority, *pairs: Pair) -> Means:
    return Means(authority=Authority(authority.url, frozenset(one.fingerprint for one in pairs or (authority.pair,))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("keys") / "keys"
    signing.make_keys(made, subject="めぐる 証明書発行", organisation="株式会社見本", at=NOW - timedelta(days=1))
    return made


@pytest.fixture(scope="module")
def unsigned(folder: Path) -> bytes:
    given = sample.destruction(issued_at=NOW)
    cited, place = sample.cited(sample.entry(given), LOG)
    given = given.model_copy(update={"log": place})
    return sample.press().render(
        given, sample.COPIES, credential.issue(given, [cited], signing.load_credential_key(folder))
    )


def trusted(folder: Path, signed_by: Means) -> Keys:
    return Keys.parse(sample.log_line(LOG) + signing.key_lines(folder, sample.ORIGIN, signed_by))


def embedded(pdf: bytes) -> Any:
    (signature,) = PdfFileReader(BytesIO(pdf)).embedded_signatures
    return signature


def token(signature: Any) -> cms.ContentInfo:
    (attribute,) = signature.signer_info["unsigned_attrs"]
    assert attribute["type"].native == "signature_time_stamp_token"
    (found,) = attribute["values"]
    return found


def test_a_stamped_certificate_verifies_and_its_time_is_vouched_for(
    folder: Path, unsigned: bytes, authority: TimeStampAuthority
) -> None:
    signed_by = means(authority)
    pdf = Signer.load(folder, signed_by).sign(unsigned, at=NOW)
    assert pdf.startswith(unsigned)
    assert len(authority.asked) == 1, "nothing is asked twice to learn a length"
    question = tsp.TimeStampReq.load(authority.asked[0])
    value = embedded(pdf).signer_info["signature"].native
    assert question["message_imprint"]["hashed_message"].native == sha256(value).digest()
    verdict = verify_bytes("c.pdf", pdf, trusted(folder, signed_by), sample.ORIGINALS)
    assert verdict.ok, verdict.checks
    assert "時刻認証があります" in verdict.checks[1].ja


def test_pyhanko_s_own_validator_trusts_the_stamp_by_the_authority_s_root(
    folder: Path, unsigned: bytes, authority: TimeStampAuthority
) -> None:
    signer = Signer.load(folder, means(authority))
    status = validate_pdf_signature(
        embedded(signer.sign(unsigned, at=NOW)),
        ValidationContext(trust_roots=[signer.certificate], allow_fetching=False),
        ts_validation_context=ValidationContext(trust_roots=[ROOT.own], allow_fetching=False),
        skip_diff=True,
    )
    assert status.bottom_line
    assert status.timestamp_validity
    assert status.timestamp_validity.trusted
    assert status.timestamp_validity.intact


@needs_openssl
def test_openssl_verifies_the_token_over_the_signature_value(
    folder: Path, unsigned: bytes, authority: TimeStampAuthority, tmp_path: Path
) -> None:
    signature = embedded(Signer.load(folder, means(authority)).sign(unsigned, at=NOW))
    (tmp_path / "token.der").write_bytes(token(signature).dump())
    (tmp_path / "root.pem").write_bytes(ROOT.certificate.public_bytes(PEM))

    def verifies(data: bytes) -> bool:
        (tmp_path / "value").write_bytes(data)
        named = {"in": "token.der", "data": "value", "CAfile": "root.pem"}
        given = [part for name, file in named.items() for part in (f"-{name}", str(tmp_path / file))]
        command = ["openssl", "ts", "-verify", "-token_in", *given]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603  # our own files

    value = signature.signer_info["signature"].native
    assert verifies(value)
    assert not verifies(value + b"x")


@needs_openssl
async def test_the_stamp_of_an_authority_that_is_openssl_s_is_taken_and_is_checked_as_fast_as_strangers_files_are(
    folder: Path, unsigned: bytes, authority: TimeStampAuthority, tmp_path: Path
) -> None:
    authority.answer = openssl_answers(PAIR, tmp_path)
    signed_by = means(authority)
    pdf = await asyncio.to_thread(Signer.load(folder, signed_by).sign, unsigned, at=NOW)
    known = sample.log_line(LOG) + signing.key_lines(folder, sample.ORIGIN, signed_by)
    verdict = await examination.examine("c.pdf", pdf, known)  # a second of a core is all it may take
    assert verdict.ok, verdict.checks
    assert "時刻認証があります" in verdict.checks[1].ja


OTHER, EXPIRED = Pair.new("other", by=ROOT), Pair.new("expired", by=ROOT, until=NOW - timedelta(days=1))
PLAIN = Pair.new("plain", by=ROOT, stamping=False)
IMPRINT = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": bytes(32)}
REFUSED = Reply({"status": {"status": "rejection", "status_string": ["not today"]}}).dump()


def spoilt(answer: bytes) -> bytes:
    response = tsp.TimeStampResp.load(answer)
    (signer,) = response["time_stamp_token"]["content"]["signer_infos"]
    value = signer["signature"].native
    return answer.replace(value, value[:-1] + bytes([value[-1] ^ 1]))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda tsa, asked: tsa.stamp(asked, message_imprint=IMPRINT), "signature does not fit"),
        (lambda tsa, asked: tsa.stamp(asked, nonce=7), "another question"),
        (lambda tsa, asked: tsa.stamp(asked, by=OTHER), "does not name"),
        (lambda tsa, asked: tsa.stamp(asked, by=EXPIRED), "not valid at that time"),
        (lambda tsa, asked: tsa.stamp(asked, by=PLAIN), "not for time stamping"),
        (lambda tsa, asked: tsa.stamp(asked, at=NOW - timedelta(hours=1)), "this machine's clock"),
        (lambda tsa, asked: tsa.stamp(asked, at=NOW + timedelta(hours=1)), "this machine's clock"),
        (lambda tsa, asked: spoilt(tsa.stamp(asked)), "signature does not fit"),
        (lambda tsa, asked: tsa.stamp(asked)[:-9], "cannot be read"),
        (b"", "cannot be read"),
        (bytes(99_999), "more than"),
        (REFUSED, "not today"),
    ],
)
def test_a_wrong_answer_is_no_stamp_and_nothing_is_signed_without_one(
    folder: Path,
    unsigned: bytes,
    authority: TimeStampAuthority,
    answer: bytes | Callable[[TimeStampAuthority, tsp.TimeStampReq], bytes],
    why: str,
) -> None:
    authority.answer = lambda asked: answer if isinstance(answer, bytes) else answer(authority, asked)
    with pytest.raises(NoStamp, match=why) as refused:
        Signer.load(folder, means(authority, PAIR, EXPIRED, PLAIN)).sign(unsigned, at=NOW)
    assert "まだ発行できません" in str(refused.value)


def test_silence_another_kind_of_page_and_nobody_are_no_stamps(
    folder: Path, unsigned: bytes, authority: TimeStampAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = Signer.load(folder, means(authority))
    authority.kind = "text/html"
    with pytest.raises(NoStamp, match="HTTP 200 text/html"):
        signer.sign(unsigned, at=NOW)
    authority.silent = True
    monkeypatch.setattr(timestamps, "WAIT_MAX_S", 0.3)

    def ask() -> None:
        with pytest.raises(NoStamp, match="no answer within"):
            signer.sign(unsigned, at=NOW)

    assert waited(ask) < 3
    nobody = Means(authority=Authority("http://127.0.0.1:9/", frozenset({PAIR.fingerprint})))
    with pytest.raises(NoStamp, match="is not reached"):
        Signer.load(folder, nobody).sign(unsigned, at=NOW)


def test_half_a_setting_is_said_before_anything_is_signed() -> None:
    for named in ("", "abc", f"{PAIR.fingerprint},abc"):
        with pytest.raises(BadKey, match="MEGURU_TSA_CERTIFICATE_SHA256"):
            Means.of(SigningSettings(tsa="http://127.0.0.1/", tsa_certificate_sha256=named))
    both = Means.of(SigningSettings(tsa="http://127.0.0.1/", tsa_certificate_sha256=f"{'AB' * 32}, {PAIR.fingerprint}"))
    assert both.authority
    assert both.authority.certificates == {"ab" * 32, PAIR.fingerprint}
    assert Means.of(SigningSettings()) == signing.ALONE
