"""The signed PDF: who signed it, whether it is still what was signed, and the certificate.json inside."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import Any

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import SigningError
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator.context import ValidationContext

from verifier.keys import Keys
from verifier.verdict import Check, Unreadable, Wrong

ATTACHMENT = "certificate.json"
NODES_MAX = 100  # of the name tree of attached files

BROKEN = (PdfError, SigningError, SignatureValidationError, ValueError, KeyError, IndexError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Pdf:
    """What was found in a PDF."""

    signature: Check
    signed_at: datetime | None
    timestamped: bool
    attached: tuple[bytes, ...]  # what the file shows now
    signed: tuple[bytes, ...]  # what the signed revision holds; the same unless something was added behind it


def read(data: bytes, keys: Keys) -> Pdf:
    """Take a PDF apart and check its signature. Raises Unreadable for bytes that no PDF reader should open."""
    try:
        reader = PdfFileReader(BytesIO(data))
        attached = _attachments(reader.root)
        embedded = reader.embedded_signatures
    except (*BROKEN, RecursionError, OSError) as wrong:
        raise Unreadable(
            f"PDFとして読めません。壊れているか、書き換えられています（{wrong}）。 "
            "Not readable as a PDF: damaged or altered."
        ) from wrong
    if not embedded:
        return Pdf(Check.failed("signature", _UNSIGNED), None, False, attached, attached)
    try:
        signature = embedded[0]
        signed = _attachments(reader.get_historical_root(signature.signed_revision))
        check, at, stamped = _signature(signature, keys, len(embedded))
    except (*BROKEN, RecursionError, OSError) as wrong:
        bad = Wrong(
            f"PDFの署名が読めません。署名の部分が書き換えられています（{wrong}）。",
            f"The signature of the PDF cannot be read: it was altered ({wrong}).",
        )
        return Pdf(Check.failed("signature", bad), None, False, attached, attached)
    return Pdf(check, at, stamped, attached, signed)


_UNSIGNED = Wrong(
    "PDFに署名がありません。紙面の内容は確かめられません。添付の certificate.json か証明書番号で確かめてください。",
    "The PDF is not signed: its pages prove nothing. Use the attached certificate.json or the number.",
)


def _signature(signature: Any, keys: Keys, count: int) -> tuple[Check, datetime | None, bool]:
    certificate = signature.signer_cert
    context = ValidationContext(trust_roots=[certificate], allow_fetching=False)
    status = validate_pdf_signature(signature, context)  # trust is decided by our list of keys, not by its chain
    at = signature.self_reported_timestamp
    stamp = status.timestamp_validity
    stamped = bool(stamp and stamp.valid and stamp.intact)
    try:
        _judge(status, count, known=sha256(certificate.dump()).hexdigest() in keys.certificates)
    except Wrong as wrong:
        return Check.failed("signature", wrong), at, stamped
    signer = certificate.subject.native.get("common_name", "?")
    return (
        Check(
            "signature", "ok", f"PDFの署名は合っています（{signer}）。", f"The signature of the PDF is good ({signer})."
        ),
        at,
        stamped,
    )


def _judge(status: Any, count: int, *, known: bool) -> None:
    if not status.intact:
        raise Wrong(
            "PDFの署名が合いません。署名の後にPDFの中身が変わっています。",
            "The signature of the PDF does not fit: the file was changed after signing.",
        )
    if not status.valid:
        raise Wrong("PDFの署名の値が正しくありません。", "The signature value of the PDF is wrong.")
    if status.coverage != SignatureCoverageLevel.ENTIRE_FILE or count != 1:
        raise Wrong(
            "PDFの署名の後に、何かが書き足されています。",
            "Something was added to the PDF after it was signed.",
        )
    if not known:
        raise Wrong(
            "PDFに署名した証明書は、鍵の一覧にありません。発行元か、鍵の一覧の古さを確かめてください。",
            "The certificate that signed the PDF is not on the list of keys: check the issuer, or the age of the list.",
        )


def _attachments(root: Any) -> tuple[bytes, ...]:
    """Return every attached file called certificate.json (PDF 32000-1 §7.11.4, name trees §7.9.6)."""
    tree = root.get("/Names", {}).get("/EmbeddedFiles")
    waiting, found, seen = [tree] if tree is not None else [], [], 0
    while waiting and (seen := seen + 1) < NODES_MAX:
        node = waiting.pop()
        waiting += list(node.get("/Kids", []))
        names = node.get("/Names", [])
        for n in range(1, len(names), 2):
            spec = names[n]
            if ATTACHMENT in (str(spec.get("/UF", "")), str(spec.get("/F", ""))):
                found.append(bytes(spec["/EF"]["/F"].data))
    return tuple(found)
