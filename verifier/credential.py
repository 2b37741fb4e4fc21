"""The JSON certificate: read strictly, its signature, its entries, its photos, its completeness."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from verifier import fields, log
from verifier.key_end import NOTHING, Moment, log_standing, standing, utc, with_remark
from verifier.keys import Key, Keys
from verifier.verdict import Check, Difference, Unreadable, Wrong

CLOCK_SLACK = timedelta(minutes=5)  # two machines' clocks may differ by so much before an order is called impossible
INTEGER_MAX = 2**53 - 1  # RFC 8785 and I-JSON
DEPTH_MAX = 32
LISTS = ("photos", "steps", "certificates", "lines")
STEPS_NEEDED = ("registered", "closed")
ARRIVALS = frozenset(
    {"received", "destroyed"}
)  # what was destroyed in the town hall, or before a scan, was not received
UNLISTED_MAX = 5  # faults of a list that are named

_ISSUE = re.compile(r"-R[0-9]{1,2}$")

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A cited entry: its exact text, what it says, its salt and its log proof."""

    text: str
    entry: dict[str, Any]
    salt: bytes
    proof: log.Proof

    @property
    def digest(self) -> bytes:
        """What the log holds of the entry: SHA-256(bytes ‖ salt)."""
        return sha256(self.text.encode() + self.salt).digest()


def load(data: bytes) -> dict[str, Any]:
    """Read a JSON object; a name that stands twice is refused, since two readers would see two documents.

    Raises Unreadable.
    """
    try:
        found: Any = json.loads(data.decode("utf-8"), object_pairs_hook=_once)
        canonical(found).encode()  # half a character (U+D800…) has no bytes: nothing could have signed it
    except (ValueError, RecursionError) as wrong:
        raise Unreadable(f"JSONとして読めません（{wrong}）。", f"Not readable as JSON ({wrong}).") from wrong
    subject = found.get("credentialSubject") if isinstance(found, dict) else None
    if not isinstance(subject, dict) or not all(isinstance(subject.get(name, []), list) for name in LISTS):
        raise Unreadable("証明書のJSONではありません。", "This JSON is no certificate.")
    return dict(found)


def canonical(value: Any, depth: int = 0) -> str:
    """Spell a value as RFC 8785 (JCS) does. Raises ValueError for what has no safe spelling."""
    if depth > DEPTH_MAX:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name], depth + 1)}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(one, depth + 1) for one in value) + "]"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > INTEGER_MAX):
        raise ValueError("a number without a safe spelling")
    return json.dumps(value, ensure_ascii=False)


def signature(document: dict[str, Any], keys: Keys, stamped: datetime | None = None) -> Check:
    """Check the `eddsa-jcs-2022` proof against the credential keys of the list.

    `stamped` is what a trusted time stamp says of the file that holds the document.
    """
    try:
        key = _trusted_key(document, keys)
        _check_proof(document, key.public)
        when, issued = signed(document.get("proof"), "created", stamped), signed(document, "validFrom", stamped)
        if when and issued and issued.at > when.at:  # who signed earlier than what is said to be issued says two things
            when = issued
        remark = standing("JSONに署名した鍵", "The key that signed the JSON", key.revoked, when)
    except Wrong as wrong:
        return Check.failed("signature", wrong)
    return with_remark(
        Check("signature", "ok", "JSONの署名は合っています。", "The signature of the JSON is good."), remark
    )


def signed(said: Any, name: str, stamped: datetime | None) -> Moment | None:
    """Return when something was signed: by a time stamp, else by what the signer himself says under `name`."""
    if stamped:
        return Moment(stamped, vouched=True)
    try:
        return Moment(fields.instant(said[name]), vouched=False)
    except (KeyError, ValueError, TypeError):
        return None


def evidences(document: dict[str, Any]) -> list[Evidence]:
    """Read the cited entries. Raises Wrong, naming the first that cannot be read."""
    given = document.get("evidence")
    if not isinstance(given, list) or not given:
        raise Wrong("引用した記録が一つもありません。", "No entry is cited.")
    return [_evidence(n, one) for n, one in enumerate(given, 1)]


def ledger(
    document: dict[str, Any], cited: Sequence[Evidence], keys: Keys, stamped: datetime | None = None
) -> tuple[Check, tuple[tuple[str, str, str], ...]]:
    """Check that each cited entry is in the log and that the certificate says what its entry says.

    Beside the check comes what the entry says, once it is known to be in the log. `stamped` as for `signature`.
    """
    remark, when = NOTHING, signed(document, "validFrom", stamped)
    try:
        for one in cited:
            log.check_checkpoint(one.proof.head, keys)
            remark = log_standing(one.proof.head, keys, when)
            log.check_inclusion(one.proof, one.digest)
        main = principal(document, cited)
        seen = log.cosigned(main.proof.head, keys)
    except Wrong as wrong:
        return Check.failed("log", wrong), ()
    return with_remark(_same(document["credentialSubject"], main, seen), remark), fields.proved(main.entry)


def _same(subject: dict[str, Any], main: Evidence, seen: Sequence[tuple[str, datetime]]) -> Check:
    found = [one for field in fields.FIELDS[main.entry["kind"]] for one in fields.compare(field, subject, main.entry)]
    place = {"index": main.proof.index, "size": main.proof.size, "root": main.proof.root.hex()}
    if (said := subject.get("log")) is not None:
        found += [one for field in fields.LOG for one in fields.compare(field, said, place)]
    if found:
        different = Wrong(
            f"{main.proof.index} 番の記録と違います: {'、'.join(one.ja for one in found)}。",
            f"Not what entry {main.proof.index} says: {', '.join(one.en for one in found)}.",
            tuple(found),
        )
        return Check.failed("log", different)
    by_ja, by_en = _witnessed(seen)
    n, origin, size = main.proof.index, main.proof.origin, main.proof.size
    return Check(
        "log",
        "ok",
        f"{n} 番の記録は台帳（{origin}、{size} 件）にあり、内容は同じです。{by_ja}",
        f"Entry {n} is in the log ({origin}, size {size}) and says the same. {by_en}",
    )


def _witnessed(seen: Sequence[tuple[str, datetime]]) -> tuple[str, str]:
    if not seen:
        return (
            "この見出しには、知っている立会者（witness）の連署がまだありません。",
            "No witness on the list of keys has cosigned this head yet.",
        )
    ja = "、".join(f"{name}（{utc(at)}）" for name, at in seen)
    en = ", ".join(f"{name} ({utc(at)})" for name, at in seen)
    return f"{ja} が連署しています。", f"Cosigned by {en}."


def principal(document: dict[str, Any], cited: Sequence[Evidence]) -> Evidence:
    """Return the entry that a certificate of this kind stands on. Raises Wrong when it is not exactly one."""
    kind = str(document["credentialSubject"].get("kind"))
    wanted = fields.CITED.get(kind)
    found = [one for one in cited if one.entry["kind"] == wanted]
    if len(found) != 1:
        raise Wrong(
            f"この種類の証明書（{kind}）に必要な記録 {wanted} がちょうど一つありません。",
            f"A certificate of this kind ({kind}) stands on exactly one {wanted}; found {len(found)}.",
        )
    return found[0]


def pictures(document: dict[str, Any], cited: Sequence[Evidence], originals: Mapping[str, bytes]) -> Check:
    """Check that the photos named are the photos recorded, and that originals handed over are among them."""
    if document["credentialSubject"].get("kind") != "destruction":
        return Check("photos", "not-applicable", "この証明書に写真はありません。", "This certificate has no photos.")
    try:
        main = principal(document, cited)
    except Wrong as wrong:
        return Check.failed("photos", wrong)
    subject = document["credentialSubject"]
    found = fields.compare(fields.PHOTOS, subject, main.entry)
    listed = {str(photo.get("sha256")) for photo in _rows(main.entry["data"].get("photos"))}
    found += [
        Difference(f"写真のファイル {name}", f"photo file {name}", digest, "、".join(sorted(listed)))
        for name, digest in ((name, sha256(photo).hexdigest()) for name, photo in originals.items())
        if digest not in listed
    ]
    if found or not listed:
        different = Wrong(
            "写真が、記録されたものと違います: " + "、".join(one.ja for one in found) + "。",
            "The photos are not those recorded: " + ", ".join(one.en for one in found) + ".",
            tuple(found),
        )
        return Check.failed("photos", different)
    count = len(listed)
    seen = f"手元の {len(originals)} 枚は撮影時のままです。" if originals else "原本のファイルは渡されていません。"
    shown = f"{len(originals)} original(s) given are unchanged." if originals else "No original was given to compare."
    return Check(
        "photos",
        "ok",
        f"写真 {count} 枚の指紋は記録と同じです。{seen}",
        f"The fingerprints of {count} photo(s) are those recorded. {shown}",
    )


def times(document: dict[str, Any], cited: Sequence[Evidence]) -> list[tuple[str, str, datetime]]:
    """Return what must have happened in this order: recorded, issued. Raises Wrong for a moment that is unreadable."""
    try:
        recorded = max(fields.instant(one.entry["recordedAt"]) for one in cited)
        for one in cited:
            if fields.instant(one.entry["occurredAt"]) > fields.instant(one.entry["recordedAt"]) + CLOCK_SLACK:
                raise Wrong(
                    f"{one.proof.index} 番の記録は、起きた時刻が記録した時刻より後です。",
                    f"Entry {one.proof.index} happened after it was recorded.",
                )
        issued = fields.instant(document["validFrom"])
    except (KeyError, ValueError, TypeError) as wrong:
        raise Wrong("時刻が読めません。", "A time cannot be read.") from wrong
    return [("記録", "recorded", recorded), ("発行", "issued", issued)]


def in_order(moments: Sequence[tuple[str, str, datetime]], *, vouched: bool) -> Check:
    """Check that the moments follow each other."""
    for (ja, en, before), (next_ja, next_en, after) in pairwise(moments):
        if after < before - CLOCK_SLACK:
            wrong = Wrong(
                f"{next_ja}の時刻 {utc(after)} が、{ja}の時刻 {utc(before)} より前です。",
                f"It was {next_en} ({utc(after)}) before it was {en} ({utc(before)}).",
            )
            return Check.failed("time", wrong)
    told = "、".join(f"{ja} {utc(at)}" for ja, _, at in moments)
    said = ", ".join(f"{en} {utc(at)}" for _, en, at in moments)
    by_ja = "時刻認証があります。" if vouched else "時刻認証はなく、発行者の申告です。"
    by_en = "A time stamp vouches for it." if vouched else "No time stamp: the issuer's own statement."
    return Check("time", "ok", f"順序に矛盾はありません（{told}）。{by_ja}", f"The order holds ({said}). {by_en}")


def _uncertified(subject: dict[str, Any]) -> list[str]:
    """Name the destroyed media whose certificate is not said, or is none of those in the record.

    A machine without media, or one that needs no more than an erasure, has none (MIC R2.12).
    """
    known = subject.get("certificates") or []
    destroyed = [one for one in _rows(subject.get("media")) if one.get("method") == "destroy"]
    firsts = {_first_issue(one) for one in known}
    return [
        f"certificates: {one.get('serial')}" for one in destroyed if _first_issue(one.get("certificate")) not in firsts
    ]


def _first_issue(number: Any) -> str:
    """Return the number without its issue: …-R2 was issued in place of the one that closed custody."""
    return _ISSUE.sub("", str(number))


def _unlisted(subject: dict[str, Any], cited: Sequence[Evidence]) -> list[str]:
    """Name what is wrong with a lot's list: a line without number or hashes, or another list than the log proves."""
    lines = subject.get("lines")
    rows = _rows(lines)
    wrong = [f"lines[{n}]" for n, line in enumerate(rows) if any(not line.get(name) for name in fields.LINE)]
    if not isinstance(lines, list) or len(rows) != len(lines):
        return ["lines"]
    if sha256(canonical(lines).encode()).hexdigest() != subject.get("list_sha256"):
        wrong.append("list_sha256")
    if cited and cited[0].entry["data"].get("lines") != len(rows):
        wrong.append(f"lines: {len(rows)} / {cited[0].entry['data'].get('lines')}")
    return wrong[:UNLISTED_MAX]


def complete(document: dict[str, Any], cited: Sequence[Evidence]) -> Check:
    """Check that nothing is missing that a certificate of its kind must have."""
    subject = document["credentialSubject"]
    kind = str(subject.get("kind"))
    needed = ("number", "issued_at", "addressee", "issuer", "label", *fields.NEEDED.get(kind, ("kind",)))
    missing = [name for name in needed if not subject.get(name) or (name == "kind" and kind not in fields.NEEDED)]
    identity = f"urn:uuid:{subject.get(fields.SUBJECT.get(kind, ''))}"
    if subject.get("id") != identity:
        missing.append(f"credentialSubject.id = {identity}")
    if document.get("type") != ["VerifiableCredential", fields.TYPES.get(kind)]:
        missing.append(f"type {fields.TYPES.get(kind, kind)}")
    if kind == "tracking":
        have = {str(step.get("step")) for step in _rows(subject.get("steps"))}
        missing += [f"steps: {step}" for step in STEPS_NEEDED if step not in have]
        missing += [] if have & ARRIVALS else ["steps: received"]
        missing += _uncertified(subject)
    if kind == "lot":
        missing += _unlisted(subject, cited)
    if missing or not cited:
        listed = "、".join(missing) or "evidence"
        return Check("completeness", "failed", f"足りないものがあります: {listed}。", f"Missing: {listed}.")
    count = {"tracking": len(subject.get("steps", ())), "lot": len(subject.get("lines", ()))}.get(kind, len(cited))
    return Check("completeness", "ok", f"必要な記録 {count} / {count}。", f"Records needed: {count} of {count}.")


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _issuer(document: Mapping[str, Any]) -> str:
    issuer = document.get("issuer")
    return str(issuer.get("id") if isinstance(issuer, dict) else issuer)


def signer(document: Mapping[str, Any]) -> bytes:
    """Return the public key that a document says it is signed with. Raises Wrong."""
    name = _issuer(document)
    key = _base58(name.removeprefix("did:key:z")) if name.startswith("did:key:z") else b""
    if key[:2] != b"\xed\x01" or len(key) != 2 + 32:
        raise Wrong("発行者の鍵（did:key）が読めません。", "The issuer's key (did:key) cannot be read.")
    return key[2:]


def _trusted_key(document: dict[str, Any], keys: Keys) -> Key:
    public = signer(document)
    known = [one for one in keys.credentials if one.public == public]
    if not known:
        raise Wrong(
            "JSONに署名した鍵は、鍵の一覧にありません。発行元か、鍵の一覧の古さを確かめてください。",
            "The key that signed the JSON is not on the list of keys: check the issuer, or the age of the list.",
        )
    revoked = [one.revoked for one in known if one.revoked]
    return replace(known[0], revoked=min(revoked, default=None))  # revoked under one name is revoked under any


def _check_proof(document: dict[str, Any], key: bytes) -> None:
    proof = document.get("proof")
    unsigned = {name: value for name, value in document.items() if name != "proof"}
    if not isinstance(proof, dict) or proof.get("cryptosuite") != "eddsa-jcs-2022":
        raise Wrong("JSONに署名がありません。", "The JSON is not signed.")
    issuer = _issuer(document)
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    expected = {
        "@context": document.get("@context"),
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "proofPurpose": "assertionMethod",
        "verificationMethod": f"{issuer}#{issuer.removeprefix('did:key:')}",
    }
    wrong = [name for name, value in expected.items() if options.get(name) != value]
    if wrong:
        raise Wrong(f"JSONの署名の {'、'.join(wrong)} が違います。", f"The proof's {', '.join(wrong)} is wrong.")
    signed = sha256(canonical(options).encode()).digest() + sha256(canonical(unsigned).encode()).digest()
    try:
        value = str(proof.get("proofValue"))
        Ed25519PublicKey.from_public_bytes(key).verify(_base58(value[1:]) if value[:1] == "z" else b"", signed)
    except InvalidSignature as bad:
        raise Wrong(
            "JSONの署名が合いません。署名の後に内容が変わっています。",
            "The signature of the JSON does not fit: it was changed after signing.",
        ) from bad


def _base58(text: str) -> bytes:
    number = 0
    for sign in text[:256]:
        digit = _BASE58.find(sign)
        if digit < 0:
            return b""
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)


def _evidence(n: int, given: Any) -> Evidence:
    try:
        text, salt = given["entry"], bytes.fromhex(given["salt"])
        entry = json.loads(text, object_pairs_hook=_once)
        json.dumps(entry, ensure_ascii=False).encode()  # as in `load`: what cannot be spelled cannot be shown
        proof, shapes = given["proof"], (entry["kind"], entry["data"])
    except (KeyError, ValueError, TypeError, RecursionError) as wrong:
        raise Wrong(f"引用した記録 {n} が読めません。", f"Cited entry {n} cannot be read.") from wrong
    if [type(proof), *map(type, shapes)] != [str, str, dict]:
        raise Wrong(f"引用した記録 {n} の形が違います。", f"Cited entry {n} has another shape.")
    return Evidence(text, entry, salt, log.parse(proof))
