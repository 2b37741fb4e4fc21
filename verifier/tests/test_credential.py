import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from verifier.fields import FIELDS, Field, compare
from verifier.keys import Keys
from verifier.tests import sample
from verifier.verdict import Check, Unreadable, Verdict
from verifier.verification import verify_bytes

ALL = pytest.mark.parametrize(
    "genuine",
    [sample.JSON, sample.ERASURE_JSON, sample.TRACKING_JSON, sample.LOT_JSON],
    ids=["destruction", "erasure", "tracking", "lot"],
)


def check(document: dict[str, Any] | bytes, keys: Keys = sample.TRUSTED_LIAR) -> Verdict:
    return verify_bytes("c.json", document if isinstance(document, bytes) else sample.resigned(document), keys)


def named(verdict: Verdict, name: str) -> Check:
    return next(check for check in verdict.checks if check.name == name)


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if check.status == "failed"]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        yield path
    else:
        for key, one in inner:
            yield from leaves(one, (*path, key))


def altered(document: dict[str, Any], path: tuple[Any, ...], change: Callable[[Any], Any]) -> dict[str, Any]:
    found = deepcopy(document)
    place: Any = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = change(place[path[-1]])
    return found


def always(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def other(value: Any) -> Any:
    return not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}x"


@ALL
def test_a_frozen_certificate_still_verifies(genuine: bytes) -> None:
    verdict = verify_bytes("c.json", genuine, sample.KEYS)
    assert verdict.ok, verdict.checks
    assert [check.name for check in verdict.checks] == ["signature", "time", "log", "photos", "completeness"]


@ALL
def test_a_change_of_any_value_is_found(genuine: bytes) -> None:
    document = json.loads(genuine)
    paths = list(leaves(document))
    assert len(paths) > 40
    for path in paths:
        verdict = verify_bytes("c.json", json.dumps(altered(document, path, other)).encode(), sample.KEYS)
        assert "signature" in failed(verdict), path


@ALL
def test_a_value_taken_away_or_added_is_found(genuine: bytes) -> None:
    document = json.loads(genuine)
    for name in document["credentialSubject"]:
        subject = {key: value for key, value in document["credentialSubject"].items() if key != name}
        assert not verify_bytes(
            "c.json", json.dumps(document | {"credentialSubject": subject}).encode(), sample.KEYS
        ).ok
    assert not verify_bytes("c.json", json.dumps(document | {"more": 1}).encode(), sample.KEYS).ok


def test_a_stranger_who_signs_correctly_is_not_trusted() -> None:
    verdict = check(json.loads(sample.JSON), sample.KEYS)
    assert failed(verdict) == ["signature"]
    assert "鍵の一覧にありません" in named(verdict, "signature").ja


@ALL
def test_the_liars_own_key_would_be_accepted_if_it_told_the_truth(genuine: bytes) -> None:
    assert check(json.loads(genuine)).ok


def table() -> list[Any]:
    samples = {
        "erasure.medium-destroyed.v1": sample.JSON,
        "erasure.medium-erased.v1": sample.ERASURE_JSON,
        "tracking.custody-closed.v1": sample.TRACKING_JSON,
        "certificates.lot-requested.v1": sample.LOT_JSON,
    }
    return [
        pytest.param(samples[kind], field, id=f"{kind}-{field.certificate}")
        for kind in FIELDS
        for field in FIELDS[kind]
    ]


@pytest.mark.parametrize(("genuine", "field"), table())
def test_an_issuer_that_signs_what_the_log_does_not_say_is_found_and_the_field_is_named(
    genuine: bytes, field: Any
) -> None:
    def lie(value: Any) -> Any:
        if field.certificate in ("treated_at", "as_of"):
            return value.replace("2021-09-", "2020-09-")
        if field.certificate == "steps":
            return [{**step, "occurred_at": step["occurred_at"].replace("-28T", "-21T")} for step in value]
        return [*value[:-1], "D-FALSE"] if isinstance(value, list) else f"{value}x"

    document, path = json.loads(genuine), ("credentialSubject", *field.certificate.split("."))
    if field.later:  # the frozen paper is older than the field
        document["credentialSubject"]["report"][path[-1]] = "2021-09-14T10:00:05"
    verdict = check(altered(document, path, lie))
    assert "log" in failed(verdict)
    assert len(verdict.differences) == 1
    (difference,) = verdict.differences
    assert difference.ja.startswith(field.ja)
    assert difference.file != difference.proved
    assert field.ja in named(verdict, "log").ja
    assert field.en in named(verdict, "log").en


@pytest.mark.parametrize("field", [field for field in FIELDS["erasure.medium-erased.v1"] if field.later])
def test_a_paper_of_before_a_field_is_not_held_against_it_and_a_later_one_is(field: Field) -> None:
    name = field.certificate.removeprefix("report.")
    one, other_ = "2021-09-14T10:00:05+09:00", "2021-09-14T10:00:06+09:00"
    recorded = {"data": {name: one}}
    assert compare(field, {"report": {}}, recorded) == []
    assert compare(field, {"report": {name: one}}, recorded) == []
    for said, entry in ((other_, recorded), (one, {"data": {}})):
        assert len(compare(field, {"report": {name: said}}, entry)) == 1


def test_what_the_log_says_is_told_beside_the_lie() -> None:
    verdict = check(altered(json.loads(sample.JSON), ("credentialSubject", "serial"), lambda _: "FALSE"))
    assert ("製造番号", "serial", "TS9K0A114C71") in verdict.proved
    assert verdict.differences[0].file == "FALSE"
    assert verdict.differences[0].proved == "TS9K0A114C71"


def test_a_field_left_out_of_the_certificate_is_a_difference() -> None:
    document = json.loads(sample.JSON)
    del document["credentialSubject"]["tool"]
    assert [one.ja for one in check(document).differences] == ["道具"]


@pytest.mark.parametrize(("name", "ja"), [("index", "台帳の番号"), ("size", "台帳の件数"), ("root", "台帳の根")])
def test_a_false_place_in_the_log_is_named(name: str, ja: str) -> None:
    verdict = check(altered(json.loads(sample.JSON), ("credentialSubject", "log", name), other))
    assert [one.ja for one in verdict.differences] == [ja]


EVIDENCE: list[tuple[str, Callable[[str], str], str, str]] = [
    ("entry", lambda text: text.replace("TS9K", "TS8K"), "たどり着きません", "does not lead"),
    ("entry", lambda text: text + " ", "たどり着きません", "does not lead"),
    ("entry", lambda text: text[:-1], "読めません", "cannot be read"),
    ("entry", lambda text: text.replace('"kind":', '"kind":"x","kind":'), "読めません", "cannot be read"),
    ("salt", lambda text: "00" + text[2:], "たどり着きません", "does not lead"),
    ("salt", lambda _: "no hex", "読めません", "cannot be read"),
    ("proof", lambda text: text.replace("index 846", "index 847"), "たどり着きません", "does not lead"),
    ("proof", lambda text: text.replace("index 846", "index 2000"), "たどり着きません", "does not lead"),
    ("proof", lambda text: text.replace("index 846", "index 0846"), "形をしていません", "malformed"),
    ("proof", lambda text: text.replace("\n1127\n", "\n1128\n"), "書き換えられています", "altered"),
    (
        "proof",
        lambda text: text.replace("example.jp/log\n1127", "example.com/log\n1127"),
        "書き換えられています",
        "altered",
    ),
    ("proof", lambda text: text.replace("— example.jp/log", "— example.com/log"), "署名がありません", "No log key"),
    ("proof", lambda _: "", "形をしていません", "malformed"),
]


@pytest.mark.parametrize(("part", "change", "ja", "en"), EVIDENCE)
def test_altered_evidence_is_found_even_when_the_issuer_signs_it(
    part: str, change: Callable[[str], str], ja: str, en: str
) -> None:
    verdict = check(altered(json.loads(sample.JSON), ("evidence", 0, part), change))
    assert "log" in failed(verdict)
    assert ja in named(verdict, "log").ja
    assert en in named(verdict, "log").en
    assert verdict.proved == ()


def test_every_step_of_the_path_and_the_root_and_the_signature_count() -> None:
    document = json.loads(sample.JSON)
    lines = document["evidence"][0]["proof"].split("\n")
    hashes = [n for n, line in enumerate(lines) if n > 1 and len(line) == 44]
    assert len(hashes) == 12  # eleven steps and the root
    for n in hashes:
        flipped = bytes([b64decode(lines[n])[0] ^ 1]) + b64decode(lines[n])[1:]
        proof = "\n".join([*lines[:n], b64encode(flipped).decode(), *lines[n + 1 :]])
        assert "log" in failed(check(altered(document, ("evidence", 0, "proof"), always(proof))))
    short = "\n".join(line for n, line in enumerate(lines) if n != hashes[3])
    assert "log" in failed(check(altered(document, ("evidence", 0, "proof"), always(short))))


def test_the_entry_of_another_certificate_proves_nothing() -> None:
    document, closed = json.loads(sample.JSON), json.loads(sample.TRACKING_JSON)
    verdict = check(document | {"evidence": closed["evidence"]})
    assert {"log", "photos"} <= set(failed(verdict))
    assert "erasure.medium-destroyed.v1" in named(verdict, "log").ja
    assert failed(check(document | {"evidence": []}))[0] == "log"


def test_photos_that_differ_from_the_entry_are_named() -> None:
    document = json.loads(sample.JSON)
    verdict = check(altered(document, ("credentialSubject", "photos", 1, "sha256"), lambda _: "0" * 64))
    assert failed(verdict) == ["photos"]
    assert [one.ja for one in verdict.differences] == ["証拠写真 2"]
    verdict = check(altered(document, ("credentialSubject", "photos"), lambda photos: photos[:1]))
    assert failed(verdict) == ["photos"]


def test_originals_are_compared_when_they_are_at_hand() -> None:
    original = (sample.DATA / "photo-before.jpg").read_bytes()
    good = verify_bytes("c.json", sample.JSON, sample.KEYS, {"before.jpg": original})
    assert good.ok
    assert "1 枚は撮影時のまま" in named(good, "photos").ja
    bad = verify_bytes("c.json", sample.JSON, sample.KEYS, {"before.jpg": original[:-1] + b"\0"})
    assert failed(bad) == ["photos"]
    assert "before.jpg" in bad.differences[0].ja


def test_an_impossible_order_of_times_is_found() -> None:
    verdict = check(json.loads(sample.JSON) | {"validFrom": "2021-09-01T00:00:00Z"})
    assert failed(verdict) == ["time"]
    assert "発行の時刻" in named(verdict, "time").ja
    assert failed(check(json.loads(sample.JSON) | {"validFrom": "yesterday"})) == ["time"]


def test_what_a_kind_must_have_is_named_when_it_is_missing() -> None:
    document = json.loads(sample.JSON)
    verdict = check(altered(document, ("credentialSubject", "addressee"), lambda _: ""))
    assert failed(verdict) == ["completeness"]
    assert "addressee" in named(verdict, "completeness").ja
    assert failed(check(altered(document, ("credentialSubject", "id"), other))) == ["completeness"]
    assert failed(check(document | {"type": ["VerifiableCredential", "TrackingCertificate"]})) == ["completeness"]
    closed = json.loads(sample.TRACKING_JSON)

    def without(*names: str) -> list[str]:
        rows = [row for row in closed["credentialSubject"]["steps"] if row["step"] not in names]
        return failed(check(altered(closed, ("credentialSubject", "steps"), lambda _: rows)))

    assert without("received") == ["log"], "it was destroyed; that the record says more is found by the log"
    assert without("received", "destroyed") == without("closed") == ["log", "completeness"]


def test_a_destroyed_medium_needs_its_certificate_and_a_machine_without_media_needs_none() -> None:
    closed = json.loads(sample.TRACKING_JSON)
    bare = altered(closed, ("credentialSubject", "media"), lambda rows: [row | {"certificate": None} for row in rows])
    assert failed(check(bare)) == ["completeness"]
    assert "TS9K0A114C71" in named(check(bare), "completeness").ja
    strange = altered(closed, ("credentialSubject", "certificates"), lambda _: ["D-0000-0000-0"])
    assert failed(check(strange)) == ["log", "completeness"]  # the record names another
    without = altered(closed, ("credentialSubject", "media"), lambda _: [])
    assert "completeness" not in failed(check(without))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"no json", b"[]", b"{}", b'{"credentialSubject":1}', b"\xff\xfe", b'{"a":1,"a":2,"credentialSubject":{}}',
        b'{"credentialSubject":{"n":1.5}}', b'{"credentialSubject":{"steps":3}}', b"[" * 5000,
        b'{"credentialSubject":{"n":1e999}}',
    ],
)  # fmt: skip
def test_what_is_no_certificate_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        verify_bytes("x", data, sample.KEYS)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.data())
def test_no_shape_of_document_brings_the_verifier_down(data: st.DataObject) -> None:
    document = json.loads(data.draw(st.sampled_from([sample.JSON, sample.TRACKING_JSON])))
    path = data.draw(st.sampled_from(list(leaves(document))))
    cut = data.draw(st.integers(1, len(path)))
    value = data.draw(ANY)
    try:
        verdict = verify_bytes(
            "c.json", json.dumps(altered(document, path[:cut], lambda _: value)).encode(), sample.KEYS
        )
    except Unreadable:
        return
    assert not verdict.ok or altered(document, path[:cut], lambda _: value) == document


def test_old_keys_stay_and_verify_for_ever() -> None:
    fresh = Ed25519PrivateKey.generate()
    newer = sample.vkey("example.jp/log", fresh) + sample.vkey("example.jp/log/credential", fresh) + sample.KEY_TEXT
    assert check(sample.JSON, Keys.parse(newer)).ok
    without = "\n".join(line for line in sample.KEY_TEXT.splitlines() if "/credential" not in line)
    assert failed(check(sample.JSON, Keys.parse(without))) == ["signature"]
    without = "\n".join(line for line in sample.KEY_TEXT.splitlines() if not line.startswith("example.jp/log+"))
    assert failed(check(sample.JSON, Keys.parse(without))) == ["log"]


HALF = "\ud800"  # half a character: JSON can spell it, UTF-8 cannot


@pytest.mark.parametrize("where", ["x", "entry", "proof"])
def test_half_a_character_is_refused_and_breaks_nothing(where: str) -> None:
    document = json.loads(sample.JSON)
    if where == "x":
        document["x"] = HALF
    else:
        document["evidence"][0][where] += HALF
    with pytest.raises(Unreadable):
        verify_bytes("x", json.dumps(document).encode(), sample.KEYS)


def test_half_a_character_inside_an_entry_and_the_end_of_time_are_told() -> None:
    document = json.loads(sample.JSON)
    entry = json.loads(document["evidence"][0]["entry"])
    entry["data"]["photos"][0]["sha256"] = HALF
    document["evidence"][0]["entry"] = json.dumps(entry)
    assert {"log", "completeness"} <= set(failed(verify_bytes("x", json.dumps(document).encode(), sample.KEYS)))
    for moment in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00+09:00"):
        assert "time" in failed(check(json.loads(sample.JSON) | {"validFrom": moment}))
