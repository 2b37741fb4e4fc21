"""One destruction certificate with two photos, from its order to its two files, and the parts it cannot be faster than.

The whole is the issuer's own way: its order with the cited entry, salt and log proof, the proof checked, the credential
signed and attached, the page set and signed. The parts are the credential as `json` and an Ed25519 key come, typst
setting a page whose data lie ready, and pyhanko as it comes signing that page; the photos' copies were made when the
photos came.
"""

import hashlib
import itertools
import json
import os
import secrets
import tempfile
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

from asn1crypto import keys, x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509 import load_pem_x509_certificate
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from meguru.replay import inputs, pilot
from services.certificates.document import credential
from services.certificates.document.inputs import DestructionInput, Photo, canonical
from services.certificates.document.render import STANDARDS, TEMPLATES
from services.certificates.issuing import Instrument, cited
from services.certificates.order import Order, place
from services.certificates.signing import BYTES_RESERVED, PDF_CERTIFICATE, PDF_KEY, UNENCRYPTED, make_keys
from services.tracking.log import merkle
from services.tracking.log.note import Checkpoint, NoteSigner
from shared import pictures
from shared.entry import SALT_SIZE, By, Entry
from shared.events.erasure import MediumDestroyed
from shared.events.erasure import Photo as Evidence
from shared.ids import uuid7
from shared.stack.stack import FONTS

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
ORIGIN = "bench.example/log"
LOG_HEIGHT = 20  # steps of a proof in a log of a million entries
Work = Callable[[], object]


def certificate_and_parts() -> tuple[Work, tuple[Work, ...]]:
    """Return the work of one certificate, and of its parts: credential, page, signature. Each time a new page."""
    folder = Path(tempfile.mkdtemp(prefix="meguru-bench-keys-"))
    make_keys(folder, subject="bench", organisation="bench", at=AT)
    instrument, log = Instrument.load(FONTS, folder), NoteSigner.new(ORIGIN)
    machine = pilot.machines()[0]
    copies = {
        hashlib.sha256(content).hexdigest(): pictures.develop(content).copy
        for role in ("before", "after")
        for content in [inputs.photo(machine, role, AT)]
    }

    def whole() -> bytes:
        given = told(machine, *copies)
        order = ordered(given, log)
        return instrument.make(order, canonical(given.model_copy(update={"log": place(order)})), copies).pdf

    given = told(machine, *copies)
    order = ordered(given, log)
    written = credential.issue(given.model_copy(update={"log": place(order)}), [cited(order)], instrument.key)
    data = instrument.press.data(given, copies, written)
    page = json.loads(data["page"])
    numbers = itertools.count()

    def setting() -> object:
        data["page"] = json.dumps(page | {"number": f"D-{next(numbers)}"})
        return instrument.press.compiler.compile(
            TEMPLATES / "destruction.typ",
            format="pdf",
            pdf_standards=STANDARDS,
            sys_inputs=data,
            timestamp=int(AT.timestamp()),
        )

    pdf = instrument.press.render(given, copies, written)
    return whole, (_crediting(written), setting, _signing(folder, pdf))


def told(machine: pilot.Machine, before: str, after: str) -> DestructionInput:
    """Return what a certificate of this machine's medium says, under a number of its own."""
    return DestructionInput(
        number=f"D-{uuid7()}",
        issued_at=AT,
        addressee="最上町長",
        issuer="見本センター",
        verify_url="https://localhost/verify",
        item=str(uuid7()),
        label="7K3D9Q2MX",
        medium=str(uuid7()),
        technique="crush",
        tool="粉砕機 2号",
        treated_at=AT,
        serial=machine.drive_serial,
        photos=(Photo(sha256=before, role="before"), Photo(sha256=after, role="after")),
    )


def ordered(given: DestructionInput, log: NoteSigner) -> Order:
    """Return the order of a certificate: its cited entry, and the entry's proof in a log of a million."""
    entry = Entry.new(
        MediumDestroyed(
            medium=UUID(given.medium),
            item=UUID(given.item),
            label=given.label,
            serial=str(given.serial),
            technique="crush",
            machine=str(given.tool),
            photos=tuple(Evidence(sha256=one.sha256, role=one.role) for one in given.photos),
            operator="p-1",
        ),
        stream=UUID(given.medium),
        sequence=3,
        tenant="063622",
        recorded_at=AT,
        occurred_at=AT,
        by=By(person="p-1", party="centre-1"),
        salt=os.urandom(SALT_SIZE),
    )
    index, path = secrets.randbelow(2**LOG_HEIGHT), [os.urandom(32) for _ in range(LOG_HEIGHT)]
    node = merkle.leaf_hash(entry.digest)
    for level, sibling in enumerate(path):
        node = merkle.node_hash(sibling, node) if index >> level & 1 else merkle.node_hash(node, sibling)
    return Order(
        certificate=uuid7(),
        tenant=entry.tenant,
        number=given.number,
        kind=given.kind,
        item=UUID(given.item),
        medium=UUID(given.medium),
        engagement=uuid7(),
        cited=entry.id,
        traceparent=None,
        input_sha256=None,
        body=entry.body,
        salt=entry.salt,
        log_index=index,
        path=tuple(b64encode(step).decode() for step in path),
        checkpoint=log.sign(str(Checkpoint(ORIGIN, 2**LOG_HEIGHT, node))),
    )


def _crediting(written: bytes) -> Work:
    """Spell a document twice and sign its two hashes (eddsa-jcs-2022), with nothing of ours."""
    document, key = json.loads(written), Ed25519PrivateKey.generate()
    proof = document.pop("proof")

    def spelled(value: object) -> bytes:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def credit() -> object:
        hashes = [hashlib.sha256(spelled(part)).digest() for part in (proof, document)]
        return spelled(document | {"proof": proof | {"proofValue": key.sign(b"".join(hashes)).hex()}})

    return credit


def _signing(folder: Path, pdf: bytes) -> Work:
    key = serialization.load_pem_private_key((folder / PDF_KEY).read_bytes(), None)
    certificate = load_pem_x509_certificate((folder / PDF_CERTIFICATE).read_bytes())
    der: Any = serialization.Encoding.DER
    simple = SimpleSigner(
        x509.Certificate.load(certificate.public_bytes(der)),
        keys.PrivateKeyInfo.load(key.private_bytes(der, *UNENCRYPTED[1:])),
        SimpleCertificateStore(),  # type: ignore[no-untyped-call]  # half typed wheel
    )
    metadata = PdfSignatureMetadata(field_name="Bench", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES)

    def sign() -> object:
        out = BytesIO()
        PdfSigner(metadata, simple).sign_pdf(
            IncrementalPdfFileWriter(BytesIO(pdf)), output=out, bytes_reserved=BYTES_RESERVED
        )
        return out

    return sign
