import json
from base64 import b64decode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.certificates.document import credential, inputs
from services.certificates.document.credential import Cited
from services.certificates.document.inputs import Input
from services.certificates.tests import sample
from verifier.keys import Keys
from verifier.verification import verify_bytes

KEY, LOG = Ed25519PrivateKey.from_private_bytes(bytes(32)), Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
KEYS = Keys.parse(sample.log_line(LOG) + credential.vkey(KEY.public_key(), sample.ORIGIN))
BOTH = pytest.mark.parametrize("given", [sample.destruction(), sample.erasure(), sample.tracking(), sample.lot()])


def issue(given: Input) -> bytes:
    cited, place = sample.cited(sample.entry(given), LOG)
    return credential.issue(given.model_copy(update={"log": place}), [cited], KEY)


@BOTH
def test_what_is_issued_verifies_with_the_independent_verifier(given: Input) -> None:
    verdict = verify_bytes(
        "certificate.json", issue(given), KEYS, sample.ORIGINALS if given.kind == "destruction" else {}
    )
    assert verdict.ok, verdict.checks
    assert verdict.number == given.number
    photos = "ok" if given.kind == "destruction" else "not-applicable"
    assert [check.status for check in verdict.checks] == ["ok", "ok", "ok", photos, "ok"]


@BOTH
def test_the_same_input_and_key_give_the_same_bytes(given: Input) -> None:
    assert issue(given) == issue(given)


def test_it_carries_the_whole_input_and_all_that_a_stranger_needs() -> None:
    given = sample.destruction()
    document = json.loads(issue(given))
    subject = document["credentialSubject"]
    assert inputs.plain(given).items() <= subject.items()
    assert subject["id"] == f"urn:uuid:{sample.MEDIUM}"
    evidence = document["evidence"][0]
    assert evidence["entry"].encode() == sample.entry(given)
    assert sha256(evidence["entry"].encode() + bytes.fromhex(evidence["salt"])).digest()
    assert evidence["proof"].startswith("c2sp.org/tlog-proof@v1\nindex 0\n")
    assert document["@context"][0] == "https://www.w3.org/ns/credentials/v2"
    assert document["proof"]["@context"] == document["@context"]


def test_keys_are_named_as_their_standards_say() -> None:
    # did:key of the test vector in Data Integrity EdDSA Cryptosuites, appendix B
    public = bytes.fromhex("ed01") + b64decode("Lm/M0jv3ugRmyjFN0oXBHjjjJzKT9I7+hfa/NfDsrss=")
    assert credential.multibase(public).startswith("z6Mk")
    assert credential.multibase(b"\0\0a") == "z112g"
    line = credential.vkey(KEY.public_key(), "example.jp/log")
    assert line.startswith("example.jp/log/credential+")
    assert Keys.parse(line).credentials[0].public == KEY.public_key().public_bytes_raw()


def test_an_entry_that_is_not_text_is_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        credential.issue(sample.destruction(), [Cited(b"\xff", sample.SALT, "")], KEY)


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        ((), None),
        (("received",), None),
        (("destroyed",), None),
        (("received", "destroyed"), "received"),
        (("closed",), "closed"),
    ],
)
def test_what_was_destroyed_before_it_was_received_has_a_whole_way_all_the_same(
    without: tuple[str, ...], missing: str | None
) -> None:
    steps = tuple(step for step in sample.tracking().steps if step.step not in without)
    verdict = verify_bytes("t.json", issue(sample.tracking(steps=steps)), KEYS)
    assert verdict.ok == (missing is None)
    said = {check.name: check.en for check in verdict.checks if check.status == "failed"}
    assert said == ({"completeness": f"Missing: steps: {missing}."} if missing else {})
