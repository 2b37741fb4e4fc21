"""One file, five checks. Nothing here asks a network, a clock or a server."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from verifier import credential, fields, log, pdf
from verifier.key_end import log_standing
from verifier.keys import Keys
from verifier.revocation_list import Revocations
from verifier.verdict import Check, Name, Unreadable, Verdict, Wrong

FILE_SIZE_MAX = 40 * 1024 * 1024  # bytes

NO_DATA = Wrong(
    "PDFの中に certificate.json がちょうど一つありません。",
    "The PDF does not hold exactly one certificate.json.",
)


def verify(path: Path, keys: Keys, photos: Sequence[Path] = (), revocations: Revocations | None = None) -> Verdict:
    """Check a certificate (PDF or JSON) or a log proof, offline; `photos` are originals to compare, if at hand.

    With a list of revocations the verdict also says whether the certificate stands.

    Raises Unreadable for a file that is none of these, OSError when it cannot be opened.
    """
    if path.stat().st_size > FILE_SIZE_MAX:
        most = f"{FILE_SIZE_MAX // 1024**2} MB"
        raise Unreadable(f"{most} を超えるファイルは調べません。", f"Files larger than {most} are not checked.")
    originals: dict[str, bytes] = {}
    for photo in photos:  # two cameras give two photos the same name
        originals[str(photo) if photo.name in originals else photo.name] = photo.read_bytes()
    return verify_bytes(path.name, path.read_bytes(), keys, originals, revocations)


def verify_bytes(
    name: str,
    data: bytes,
    keys: Keys,
    photos: Mapping[str, bytes] | None = None,
    revocations: Revocations | None = None,
) -> Verdict:
    """Check what `verify` checks, from memory. Raises Unreadable."""
    verdict, document = _checked(name, data, keys, photos or {})
    if revocations is None or document is None:
        return verdict
    return replace(verdict, standing=revocations.standing(document, sha256(data).hexdigest()))


def _checked(name: str, data: bytes, keys: Keys, photos: Mapping[str, bytes]) -> tuple[Verdict, dict[str, Any] | None]:
    """Return the verdict, and the certificate's document where there is one."""
    looks_like_pdf = b"%PDF-" in data[:1024]  # where viewers look for it
    if data.startswith(log.HEADER.encode()) and not looks_like_pdf:
        return _proof(name, data, keys), None
    if looks_like_pdf and not data.lstrip().startswith(b"{"):  # a JSON may speak of PDFs
        return _pdf(name, data, keys, photos)
    document = credential.load(data)
    signature = credential.signature(document, keys)
    return _verdict(name, document, signature, keys, photos), document


def _verdict(
    name: str,
    document: dict[str, Any],
    signature: Check,
    keys: Keys,
    photos: Mapping[str, bytes],
    *,
    paper: pdf.Pdf | None = None,
) -> Verdict:
    number = document["credentialSubject"].get("number")
    shell = Verdict(name, "pdf" if paper else "credential", None if number is None else str(number), ())
    try:
        cited = credential.evidences(document)
    except Wrong as wrong:
        rest = (_skip("time", *_NO_ENTRY), Check.failed("log", wrong), _skip("photos", *_NO_ENTRY))
        return replace(shell, checks=(signature, *rest, Check.failed("completeness", wrong)))
    ledger, proved = credential.ledger(document, cited, keys, paper.vouched_at if paper else None)
    checks = (
        signature,
        _time(document, signature, cited, paper),
        ledger,
        credential.pictures(document, cited, photos),
        credential.complete(document, cited),
    )
    return replace(shell, checks=checks, proved=proved)


def _time(document: dict[str, Any], signature: Check, cited: list[credential.Evidence], paper: pdf.Pdf | None) -> Check:
    if signature.status == "failed":
        return _skip("time", "署名が合わないため調べていません。", "Not checked, since the signature does not fit.")
    try:
        moments = credential.times(document, cited)
    except Wrong as wrong:
        return Check.failed("time", wrong)
    if paper and paper.signed_at:
        moments.append(("署名", "signed", paper.signed_at))
    return credential.in_order(moments, vouched=bool(paper and paper.timestamped))


def _pdf(name: str, data: bytes, keys: Keys, photos: Mapping[str, bytes]) -> tuple[Verdict, dict[str, Any] | None]:
    paper = pdf.read(data, keys)
    if len(paper.attached) != 1:
        failed = Check.failed("completeness", NO_DATA)
        skipped: tuple[Name, ...] = ("time", "log", "photos")
        nothing = (_skip(one, NO_DATA.ja, NO_DATA.en) for one in skipped)
        return Verdict(name, "pdf", None, (paper.signature, *nothing, failed)), None
    try:
        document = credential.load(paper.attached[0])
    except Unreadable as wrong:
        broken = Wrong(f"添付の certificate.json: {wrong.ja}", f"The attached certificate.json: {wrong.en}")
        checks = [paper.signature, *(_skip(one, broken.ja, broken.en) for one in ("time", "log", "photos"))]
        return Verdict(name, "pdf", None, (*checks, Check.failed("completeness", broken))), None
    content = credential.signature(document, keys, paper.vouched_at)
    signature = paper.signature.but(content)
    if paper.signature.status == "failed" and content.status == "ok":
        signature = signature.but(_PAGE_CHANGED)
    if len(paper.signed) == 1 and paper.signed != paper.attached:
        signature = signature.but(_replaced(paper, document))
    return _verdict(name, document, signature, keys, photos, paper=paper), document


_PAGE_CHANGED = Check(
    "signature",
    "failed",
    "変わったのは紙面かPDFのほかの部分で、添付の certificate.json の内容は正しいものです。",
    "What changed is the page or another part of the PDF; what the attached certificate.json says is right.",
)
_NO_ENTRY = ("引用した記録が読めないため調べていません。", "Not checked, since a cited entry cannot be read.")


def _replaced(paper: pdf.Pdf, document: dict[str, Any]) -> Check:
    """Name the fields in which the attachment shown now differs from the one that was signed."""
    try:
        found = tuple(fields.differing(credential.load(paper.signed[0]), document))
    except Unreadable:
        found = ()
    listed = "、".join(one.ja for one in found) or "全体"
    told = ", ".join(one.en for one in found) or "all of it"
    wrong = Wrong(
        f"添付の certificate.json が署名の後に差し替えられています: {listed}。",
        f"The attached certificate.json was replaced after signing: {told}.",
        found,
    )
    return Check.failed("signature", wrong)


def _proof(name: str, data: bytes, keys: Keys) -> Verdict:
    """Check a bare proof: its head is signed; its entry is checked when its digest travels in the `extra` line."""
    nothing = ("台帳の証明だけのファイルです。", "The file is a bare log proof.")
    try:
        proof = log.parse(data.decode("utf-8", "replace"))
    except Wrong as wrong:
        raise Unreadable(wrong.ja, wrong.en) from wrong
    try:
        log.check_checkpoint(proof.head, keys)
        log_standing(proof.head, keys, None)
        signature = Check(
            "signature", "ok", f"台帳 {proof.origin} の署名は合っています。", f"Signed by the log {proof.origin}."
        )
    except Wrong as wrong:
        signature = Check.failed("signature", wrong)
    ledger = _skip(
        "log", "記録そのものがないため、場所だけが分かります。", "Without its entry the proof names a place only."
    )
    if proof.extra is not None:
        try:
            log.check_inclusion(proof, proof.extra)
            found = (f"{proof.index} 番の要約は台帳にあります。", f"The digest of entry {proof.index} is in the log.")
            ledger = Check("log", "ok", *found)
        except Wrong as wrong:
            ledger = Check.failed("log", wrong)
    skipped = [_skip(one, *nothing) for one in ("photos", "completeness")]
    return Verdict(name, "proof", None, (signature, _skip("time", *nothing), ledger, *skipped))


def _skip(name: Name, ja: str, en: str) -> Check:
    return Check(name, "not-applicable", ja, en)
