"""A made-up certificate with everything it stands on: photos, cited entry, a log of one leaf, keys."""

import json
import os
from base64 import b64encode
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from services.certificates.document.credential import Cited
from services.certificates.document.inputs import (
    DestructionInput,
    ErasureInput,
    Input,
    LogPlace,
    LotInput,
    LotLine,
    MediumCertificate,
    MediumLine,
    Person,
    Photo,
    Policy,
    Reason,
    Report,
    Requirement,
    Step,
    TrackingInput,
)
from services.certificates.document.render import FONTS, Press
from services.certificates.filling.lot import canonical_list
from shared import pictures

ORIGIN = "example.jp/log"
FOLDER = Path(os.environ.get("MEGURU_FONTS", Path(__file__).parents[3] / "node_modules" / "@expo-google-fonts"))
needs_fonts = pytest.mark.skipif(
    not all(any(FOLDER.rglob(name)) for name in FONTS),
    reason="the fonts are not installed: run npm ci in the checkout (or name their folder in MEGURU_FONTS)",
)

ITEM, MEDIUM = "01922f6e-0000-7000-8000-00000000a001", "01922f6e-0000-7000-8000-00000000b001"
SALT = bytes(range(16))
ISSUED = datetime(2021, 9, 30, 7, 5, tzinfo=UTC)
TREATED = datetime(2021, 9, 28, 2, 24, tzinfo=UTC)
VERIFY = "HTTPS://MEGURU.EXAMPLE.JP/V/DNA74QKCHQ/7K3D9Q2M"


@cache
def press() -> Press:
    return Press(FOLDER)


@cache
def photo(shade: int, *, exif: bool = True) -> bytes:
    image = Image.linear_gradient("L").resize((320, 240)).convert("RGB")
    image.paste((shade, 90, 160), (40, 40, 160, 120))
    tags = Image.Exif()
    if exif:
        tags[0x0112], tags[0x010F] = 6, "SECRET CAMERA"  # turned by 90°, and who made the camera
    out = BytesIO()
    image.save(out, "JPEG", exif=tags, quality=90)
    return out.getvalue()


def copies(*photos: bytes) -> dict[str, bytes]:
    """What the darkroom makes of photos, by the hashes of the originals."""
    return {sha256(one).hexdigest(): pictures.develop(one).copy for one in photos}


PHOTOS = (photo(40), photo(200))
ORIGINALS = {sha256(one).hexdigest(): one for one in PHOTOS}
COPIES = copies(*PHOTOS)


def destruction(**changes: Any) -> DestructionInput:
    facts: dict[str, Any] = {
        "number": "D-NA74-QKCH-Q",
        "issued_at": ISSUED,
        "due_on": date(2021, 10, 29),
        "addressee": "最上町長",
        "issuer": "株式会社見本 ITADセンター",
        "verify_url": VERIFY,
        "item": ITEM,
        "medium": MEDIUM,
        "label": "NA74QKCHQ",
        "manufacturer": "東野精機",
        "model": "TH-500S",
        "serial": "TS9K0A114C71",
        "property_number": "R02-0031",
        "contract": "R3-情企-14",
        "policy": Policy(source="総務省ガイドライン R2.12", version="基準表 第1版", media_class=1),
        "media_type": "HDD 500GB（SATA）",
        "media_source": "デスクトップ　ミナト電機 MD-7100",
        "confidentiality_before": "機密性3（個人番号利用事務系）",
        "confidentiality_after": "該当なし",
        "technique": "crush",
        "tool": "粉砕機 2号",
        "tool_version": "点検 2021-09-01",
        "treated_at": TREATED,
        "place": "ITADセンター（千葉県）",
        "verification_method": "目視と写真2枚",
        "destination": "再資源化",
        "on_site": "Purge　証明書 E-NA74-QKCH-Q",
        "assurance": "庁内消去と完了証明書",
        "required": "destroy",
        "achieved": "destroy",
        "reasons": (Reason(code="photo", ja="写真と時刻があります", en="Photo and time are on record"),),
        "photos": (
            Photo(
                sha256=sha256(PHOTOS[0]).hexdigest(), role="before", taken_at=datetime(2021, 9, 28, 2, 22, tzinfo=UTC)
            ),
            Photo(sha256=sha256(PHOTOS[1]).hexdigest(), role="after", taken_at=TREATED),
        ),
        "photographed_with": "作業端末 3号",
        "people": (
            Person(role="sanitised", name="髙﨑 亮", title="作業主任", on=date(2021, 9, 28), place="ITADセンター"),
            Person(role="verified", name="𠮷田 由美", title="品質担当", on=date(2021, 9, 28), contact="q@example.jp"),
            Person(role="witness", name="佐藤 恵", title="主事", on=date(2021, 9, 14), place="最上町役場"),
        ),
    }
    return DestructionInput(**facts | changes)


def erasure(**changes: Any) -> ErasureInput:
    shared = destruction().model_dump(include=set(MediumCertificate.model_fields) - {"number", "on_site"})
    facts = {
        "number": "E-NA74-QKCH-Q",
        "method": "purge",
        "technique": "ATA SANITIZE OVERWRITE EXT",
        "tool": "nwipe",
        "tool_version": "0.37",
        "achieved": "purge",
        "required": "purge",
        "report": Report(sha256="ab" * 32, filename="nwipe_2021-09-14.log"),
    }
    return ErasureInput(**shared | facts | changes)


def tracking(**changes: Any) -> TrackingInput:
    names = ("registered", "erased", "shipped-out", "received", "destroyed", "closed")
    facts: dict[str, Any] = {
        "number": "T-NA74-QKCH-Q",
        "issued_at": ISSUED,
        "addressee": "最上町長",
        "issuer": "株式会社見本 ITADセンター",
        "verify_url": VERIFY,
        "item": ITEM,
        "label": "NA74QKCHQ",
        "item_kind": "デスクトップパソコン",
        "manufacturer": "ミナト電機",
        "model": "MD-7100",
        "serial": "MD71K30024",
        "media": (MediumLine(media_type="HDD", serial="TS9K0A114C71", method="destroy", certificate="D-NA74-QKCH-Q"),),
        "steps": tuple(
            Step(step=name, occurred_at=datetime(2021, 9, 13 + n, 1, 15, tzinfo=UTC), place="最上町役場", log_index=n)
            for n, name in enumerate(names)
        ),
        "certificates": ("E-NA74-QKCH-Q", "D-NA74-QKCH-Q"),
        "requirements": (Requirement(ja="提出期限", en="Submitted by the deadline", met=True),),
        "people": (Person(role="issued", name="小林 由美", title="品質担当"),),
    }
    return TrackingInput(**facts | changes)


def lot(lines: int = 3, **changes: Any) -> LotInput:
    listed = tuple(
        LotLine(
            label="NA74QKCHQ",
            kind=("destruction", "tracking")[n % 2],
            number=f"{'DT'[n % 2]}-NA74-QKCH-Q" + (f"-{n // 2 + 1}" if n > 1 else ""),
            issued_at=ISSUED,
            pdf_sha256=sha256(b"pdf %d" % n).hexdigest(),
            json_sha256=sha256(b"json %d" % n).hexdigest(),
        )
        for n in range(lines)
    )
    facts: dict[str, Any] = {
        "number": "L-NA74-QKCH-Q",
        "issued_at": ISSUED,
        "addressee": "最上町長",
        "issuer": "株式会社見本 ITADセンター",
        "verify_url": VERIFY,
        "contract": "R3-情企-14",
        "engagement": ITEM,
        "label": "NA74QKCHQ",
        "title": "リユースPC地域再利用事業",
        "as_of": TREATED,
        "list_sha256": sha256(canonical_list(listed)).hexdigest(),
        "lines": listed,
        "people": (Person(role="issued", on=date(2021, 9, 30), place="株式会社見本 ITADセンター"),),
    }
    return LotInput(**facts | changes)


def entry(given: Input) -> bytes:
    """The entry a certificate cites, as the ledger would have stored it."""
    if isinstance(given, DestructionInput):
        kind, at = "erasure.medium-destroyed.v1", given.treated_at
        data: dict[str, Any] = {
            "medium": given.medium,
            "item": given.item,
            "label": given.label,
            "serial": given.serial,
            "technique": given.technique,
            "machine": given.tool,
            "method": given.method,
            "photos": [one.model_dump(mode="json", exclude_none=True) for one in given.photos],
        }
    elif isinstance(given, ErasureInput):
        kind, at = "erasure.medium-erased.v1", given.treated_at
        data = {
            "medium": given.medium,
            "item": given.item,
            "label": given.label,
            "serial": given.serial,
            "technique": given.technique,
            "achieved": given.method,
            "evidence": {"sha256": given.report.sha256, "filename": given.report.filename, "tool": given.tool},
        }
    elif isinstance(given, LotInput):
        kind, at = "certificates.lot-requested.v1", given.as_of
        data = {
            "certificate": MEDIUM,
            "number": given.number,
            "engagement": given.engagement,
            "lines": len(given.lines),
            "list_sha256": given.list_sha256,
        }
    else:
        kind, at = "tracking.custody-closed.v1", given.steps[-1].occurred_at
        steps = [one.model_dump(mode="json", include={"step", "occurred_at"}) for one in given.steps]
        data = {"item": given.item, "label": given.label, "certificates": list(given.certificates), "steps": steps}
    envelope = {
        "id": "01922f6e-0000-7000-8000-00000000e001",
        "stream": str(data.get("medium") or data.get("item") or data["certificate"]),
        "sequence": 3,
        "tenant": "063622",
        "kind": kind,
        "recordedAt": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "occurredAt": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "by": {"person": "p-1", "party": "centre-1"},
        "data": data,
    }
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()


def cited(stored: bytes, log: Ed25519PrivateKey) -> tuple[Cited, LogPlace]:
    """The entry with its proof in a log that holds nothing else: the leaf is the root and the path is empty."""
    root = sha256(b"\x00" + sha256(stored + SALT).digest()).digest()
    text = f"{ORIGIN}\n1\n{b64encode(root).decode()}\n"
    signature = b64encode(_material(log)[0] + log.sign(text.encode())).decode()
    proof = f"c2sp.org/tlog-proof@v1\nindex 0\n\n{text}\n— {ORIGIN} {signature}\n"
    return Cited(stored, SALT, proof), LogPlace(index=0, size=1, root=root.hex())


def log_line(log: Ed25519PrivateKey) -> str:
    """The log's line of a key file."""
    identifier, key = _material(log)
    return f"{ORIGIN}+{identifier.hex()}+{b64encode(key).decode()}\n"


def _material(log: Ed25519PrivateKey) -> tuple[bytes, bytes]:
    key = b"\x01" + log.public_key().public_bytes_raw()
    return sha256(ORIGIN.encode() + b"\n" + key).digest()[:4], key
