"""The signed PDF: who signed it, whether it is still what was signed, and the certificate.json inside."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import Any
from zlib import error as BadDeflate  # noqa: N812  # zlib's own name says nothing here

from asn1crypto import cms, core
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import SigningError
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator.context import ValidationContext

from verifier.key_end import Moment, standing, with_remark
from verifier.keys import Keys
from verifier.verdict import Check, Unreadable, Wrong

ATTACHMENT = "certificate.json"
STAMP = "signature_time_stamp_token"  # RFC 3161, appendix A
NODES_MAX = 100  # of the name tree of attached files
SEQUENCE, SET, TAGGED = 0x30, 0x31, 0xA0  # X.690
LONG = 0x80  # from this length on the length has a length

BROKEN = (
    PdfError,
    SigningError,
    SignatureValidationError,
    BadDeflate,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Pdf:
    """What was found in a PDF."""

    signature: Check
    signed_at: datetime | None
    timestamped: bool
    attached: tuple[bytes, ...]  # what the file shows now
    signed: tuple[bytes, ...]  # what the signed revision holds; the same unless something was added behind it

    @property
    def vouched_at(self) -> datetime | None:
        """Return when a trusted time stamp saw all that the file holds, nothing for a file that was changed."""
        return self.signed_at if self.timestamped and self.signature.status == "ok" else None


def read(data: bytes, keys: Keys) -> Pdf:
    """Take a PDF apart and check its signature. Raises Unreadable for bytes that no PDF reader should open."""
    try:
        reader = PdfFileReader(BytesIO(data))
        attached = _attachments(reader.root)
        embedded = reader.embedded_signatures
    except BROKEN as wrong:
        raise Unreadable(
            f"PDFとして読めません。壊れているか、書き換えられています（{wrong}）。",
            f"Not readable as a PDF: damaged or altered ({wrong}).",
        ) from wrong
    if not embedded:
        if not attached:
            raise Unreadable(_BARE.ja, _BARE.en)
        return Pdf(Check("signature", "lost", _UNSIGNED.ja, _UNSIGNED.en), None, False, attached, attached)
    try:
        signature = embedded[0]
        signed = _attachments(reader.get_historical_root(signature.signed_revision))
        check, at, stamped = _signature(signature, keys, data, only=len(embedded) == 1)
    except BROKEN as wrong:
        bad = Wrong(
            f"PDFの署名が読めません。署名の部分が書き換えられています（{wrong}）。",
            f"The signature of the PDF cannot be read: it was altered ({wrong}).",
        )
        return Pdf(Check.failed("signature", bad), None, False, attached, attached)
    return Pdf(check, at, stamped, attached, signed)


_UNSIGNED = Wrong(
    "PDFの署名が失われています。紙面は確かめられません。添付の certificate.json の内容は次のとおりです。",
    "The PDF has lost its signature: its page proves nothing. Of the certificate.json inside it holds:",
)
_BARE = Wrong(
    "署名も certificate.json もないPDFです。証明書が無害化などでそうなったときは、紙面の番号で確かめてください。",
    "A PDF without signature and certificate.json. If a gateway took them from a certificate, look its number up.",
)


def _signature(signature: Any, keys: Keys, data: bytes, *, only: bool) -> tuple[Check, datetime | None, bool]:
    certificate = signature.signer_cert
    # Trust is decided by our list of keys, not by a chain: looking for one would take longer than all the rest. Nothing
    # may follow the signature, so nothing is compared.
    status = validate_pdf_signature(
        signature, _alone(certificate), ts_validation_context=_alone(*_stamping(signature)), skip_diff=True
    )
    at = signature.self_reported_timestamp
    stamp, stamped = status.timestamp_validity, False
    if stamp and _vouches(stamp, keys):
        at, stamped = stamp.timestamp, True  # an authority we trust says when; otherwise the signer does
    fingerprint = sha256(certificate.dump()).hexdigest()
    try:
        _judge(status, only=only, known=fingerprint in keys.certificates)
        _check_container(signature, data)
        _check_stamp(stamp)
        remark = standing(
            "PDFに署名した証明書の鍵",
            "The key that signed the PDF",
            keys.certificates[fingerprint],
            Moment(at, stamped) if at else None,
        )
    except Wrong as wrong:
        return Check.failed("signature", wrong), at, stamped
    signer = certificate.subject.native.get("common_name", "?")
    good = Check(
        "signature", "ok", f"PDFの署名は合っています（{signer}）。", f"The signature of the PDF is good ({signer})."
    )
    return with_remark(good, remark), at, stamped


def _alone(*certificates: Any) -> ValidationContext:
    return ValidationContext(trust_roots=list(certificates), allow_fetching=False)


def _stamping(signature: Any) -> list[Any]:
    """Return the certificates that lie in the time stamp."""
    attributes = _some(signature.signer_info["unsigned_attrs"])
    stamps = [one for some in attributes if some["type"].native == STAMP for one in some["values"]]
    held = [one for stamp in stamps for one in _some(stamp["content"]["certificates"])]
    return [one.chosen for one in held if one.name == "certificate"]


def _vouches(stamp: Any, keys: Keys) -> bool:
    """Tell whether a time stamp counts: whole, by an authority on the list, while its certificate and key were good."""
    certificate, fingerprint = stamp.signing_cert, sha256(stamp.signing_cert.dump()).hexdigest()
    revoked = keys.timestamps.get(fingerprint)
    return bool(
        fingerprint in keys.timestamps
        and stamp.valid
        and stamp.intact
        and certificate.not_valid_before <= stamp.timestamp <= certificate.not_valid_after
        and (revoked is None or stamp.timestamp < revoked)
    )


def _judge(status: Any, *, only: bool, known: bool) -> None:
    if not status.intact:
        raise Wrong(
            "PDFの署名が合いません。署名の後にPDFの中身が変わっています。",
            "The signature of the PDF does not fit: the file was changed after signing.",
        )
    if not status.valid:
        raise Wrong("PDFの署名の値が正しくありません。", "The signature value of the PDF is wrong.")
    if status.coverage != SignatureCoverageLevel.ENTIRE_FILE or not only:
        raise Wrong(
            "PDFの署名の後に、何かが書き足されています。",
            "Something was added to the PDF after it was signed.",
        )
    if not known:
        raise Wrong(
            "PDFに署名した証明書は、鍵の一覧にありません。発行元か、鍵の一覧の古さを確かめてください。",
            "The certificate that signed the PDF is not on the list of keys: check the issuer, or the age of the list.",
        )


def _check_stamp(stamp: Any) -> None:
    """Check that a time stamp is whole, whoever made it: ours are when they leave the house."""
    if stamp and not (stamp.valid and stamp.intact):
        raise Wrong("PDFの署名のタイムスタンプが壊れています。", "The time stamp in the PDF's signature is damaged.")


def _check_container(signature: Any, data: bytes) -> None:
    """Check the one part of the file that no signature covers, the container of the signature itself (RFC 5652).

    It is built anew from what it must hold: the signer, its one certificate, a time stamp, then zeros. Anything else
    could have been put there by anybody.
    """
    start, length, end, _ = map(int, signature.byte_range)
    content, spelled = bytes(signature.pkcs7_content), data[start + length + 1 : end - 1]
    info = cms.ContentInfo.load(content)
    signed = info["content"]
    (signer,) = signed["signer_infos"]
    heads = [info["content_type"].native, signed["version"].native, signer["version"].native]
    hashes = [one["algorithm"].native for one in signed["digest_algorithms"]]
    stamps = [some["type"].native for some in _some(signer["unsigned_attrs"]) for _ in some["values"]]
    expected = _expected(info, signed, signer, signature.signer_cert.dump())
    holds = (
        content == expected + bytes(len(content) - len(expected))
        and spelled in (content.hex().upper().encode(), content.hex().encode())
        and heads == ["signed_data", "v1", "v1"]
        and hashes == [signer["digest_algorithm"]["algorithm"].native]
        and stamps in ([], [STAMP])
    )
    if not holds:
        raise Wrong("PDFの署名の入れ物が書き換えられています。", "The container of the PDF's signature was altered.")


def _expected(info: Any, signed: Any, signer: Any, certificate: bytes) -> bytes:
    one = _der(
        SEQUENCE,
        *(signer[name].dump(force=True) for name in ("version", "sid", "digest_algorithm")),
        signer["signed_attrs"].dump(),
        *(signer[name].dump(force=True) for name in ("signature_algorithm", "signature")),
        signer["unsigned_attrs"].dump() if len(_some(signer["unsigned_attrs"])) else b"",
    )
    parts = (signed[name].dump(force=True) for name in ("version", "digest_algorithms", "encap_content_info"))
    body = _der(SEQUENCE, *parts, _der(TAGGED, certificate), _der(SET, one))
    return _der(SEQUENCE, info["content_type"].dump(force=True), _der(TAGGED, body))


def _der(tag: int, *parts: bytes) -> bytes:
    """Write one value in DER (X.690): tag, shortest length, content."""
    body = b"".join(parts)
    count = len(body)
    size = count.to_bytes((count.bit_length() + 7) // 8)
    return bytes([tag]) + (size if count < LONG else bytes([LONG | len(size)]) + size) + body


def _attachments(root: Any) -> tuple[bytes, ...]:
    """Return every attached file called certificate.json (PDF 32000-1 §7.11.4, name trees §7.9.6)."""
    tree = _held(_held(root, "/Names", {}), "/EmbeddedFiles", None)
    waiting, found, seen = [tree] if tree is not None else [], [], 0
    while waiting and (seen := seen + 1) < NODES_MAX:
        node = waiting.pop()
        kids, names = _held(node, "/Kids", []), _held(node, "/Names", [])
        waiting += [kids[n] for n in range(min(len(kids), NODES_MAX))]  # by index: a walk would give references
        for n in range(1, len(names), 2):
            spec = names[n]
            if ATTACHMENT in (str(_held(spec, "/UF", "")), str(_held(spec, "/F", ""))):
                found.append(_content(spec["/EF"]["/F"]))
    return tuple(found)


def _held(node: Any, name: str, absent: Any) -> Any:
    """Return what a dictionary holds under a name; its own `get` would return the reference to it."""
    if name not in node:
        return absent
    return node[name]


def _content(stream: Any) -> bytes:
    """Return an attached file, or nothing when it can no longer be unpacked: then it is no certificate either."""
    try:
        return bytes(stream.data)
    except BROKEN:
        return b""


def _some(values: Any) -> Any:
    """Return optional values of a CMS structure, none when they are absent.

    `native` would spell out a whole time stamp to tell: seconds for some, which no gate of ours would wait for.
    """
    return () if isinstance(values, core.Void) else values
