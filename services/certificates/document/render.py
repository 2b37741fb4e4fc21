"""The printed page: typst sets the input as PDF/A-3a and PDF/UA-1 in one file, the credential attached.

The same input, photos and credential give the same bytes: the document's times come from the input, nothing from a
clock. Data reach the template as JSON through `sys.inputs` and are never pasted into markup, so a serial full of typst
signs is printed as it is.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import qrcode
import typst
from PIL import Image
from qrcode.image.svg import SvgPathImage

from services.certificates.document import words
from services.certificates.document.inputs import DestructionInput, ErasureInput, Input, LotInput, Photo, TrackingInput
from shared import glyphs

TEMPLATES = Path(__file__).parent / "templates"
FONTS = (  # SIL Open Font License; the first family lacks rare signs such as 𠮷 (U+20BB7), the second has them
    "BIZUDPGothic_400Regular.ttf",
    "BIZUDPGothic_700Bold.ttf",
    "NotoSansJP_400Regular.ttf",
    "NotoSansJP_700Bold.ttf",
)
STANDARDS: list[Any] = ["a-3a", "ua-1"]
ATTACHMENT = "certificate.json"

QR_MASK = 3  # any mask is valid; trying all eight and scoring them takes half of the code's time


class MissingPhoto(LookupError):
    """A photo that the input names was not handed over."""


class Press:
    """Fonts and compiler, prepared once; `render` may then be called from any thread; calls queue.

    `fonts` is the folder that holds the two families, however deep. Raises FileNotFoundError when one is absent.
    """

    def __init__(self, fonts: Path) -> None:
        files = [_find(fonts, name) for name in FONTS]
        self.covered = frozenset[int]().union(*(glyphs.coverage(file.read_bytes()) for file in files))
        folders: list[Any] = sorted({file.parent for file in files})
        faces = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)
        self.lock = Lock()  # the compiler refuses a second caller ("Already borrowed")
        self.compiler = typst.Compiler(root=TEMPLATES, font_paths=faces, ignore_system_fonts=True)

    def render(self, given: Input, copies: Mapping[str, bytes], credential: bytes) -> bytes:
        """Return the unsigned PDF of a certificate.

        `copies` holds each photo's JPEG for print by the SHA-256 of its original. Raises MissingPhoto.
        """
        data = self.data(given, copies, credential)
        with self.lock:
            pdf = self.compiler.compile(
                TEMPLATES / f"{given.kind}.typ",
                format="pdf",
                pdf_standards=STANDARDS,
                sys_inputs=data,
                timestamp=int(given.issued_at.timestamp()),
            )
        return bytes(pdf)  # type: ignore[arg-type]  # one PDF is bytes; only page images come as a list

    def data(self, given: Input, copies: Mapping[str, bytes], credential: bytes) -> dict[str, str]:
        """Return what the template is given, as text. Raises MissingPhoto."""
        page = json.dumps(self._page(given), ensure_ascii=False)
        shown = enumerate(given.photos if isinstance(given, DestructionInput) else ())
        pictures = {f"photo-{n}": _picture(photo, copies) for n, photo in shown}
        return {"page": page, "credential": credential.decode(), "qr": _qr(given.verify_url)} | pictures

    def _page(self, given: Input) -> Any:
        return _drawable(_body(given) | _head(given), self.covered)


def _body(given: Input) -> dict[str, Any]:
    match given:
        case TrackingInput():
            return _tracking(given)
        case LotInput():
            return _lot(given)
        case _:
            return _medium(given)


def _head(given: Input) -> dict[str, Any]:
    return {
        "issued": words.day(given.issued_at.astimezone(words.JST).date()),
        "due": words.day(given.due_on) if given.due_on else None,
        "label": words.label(given.label),
        "people": [
            person.model_dump(mode="json") | {"who": words.ROLES[person.role], "on": person.on and words.day(person.on)}
            for person in given.people
        ],
    }


def _medium(given: DestructionInput | ErasureInput) -> dict[str, Any]:
    shown = given.photos if isinstance(given, DestructionInput) else ()
    report = given.report if isinstance(given, ErasureInput) else None
    return given.model_dump(mode="json") | {
        "begun": report and words.stated(report.started_at, report.started_said),
        "ended": report and words.stated(report.finished_at, report.finished_said),
        "method": words.METHODS[given.method],
        "technique": words.TECHNIQUES.get(given.technique, (given.technique, "")),
        "treated": words.moment(given.treated_at),
        "required": given.required and words.METHODS[given.required][0],
        "achieved": given.achieved and words.METHODS[given.achieved][0],
        "photos": [
            {
                "sha256": photo.sha256,
                "shot": words.SHOTS[photo.role],
                "taken": words.moment(photo.taken_at) if photo.taken_at else None,
            }
            for photo in shown
        ],
    }


def _tracking(given: TrackingInput) -> dict[str, Any]:
    return given.model_dump(mode="json") | {
        "media": [
            line.model_dump(mode="json") | {"method": line.method and words.METHODS[line.method][0]}
            for line in given.media
        ],
        "steps": [
            step.model_dump(mode="json") | {"word": words.STEPS[step.step], "at": words.moment(step.occurred_at)}
            for step in given.steps
        ],
    }


def _lot(given: LotInput) -> dict[str, Any]:
    return given.model_dump(mode="json", exclude={"lines"}) | {
        "as_of": words.moment(given.as_of),
        "items": len({line.label for line in given.lines}),
        "counts": [
            {"kind": words.KINDS[kind], "count": count}
            for kind in words.KINDS
            if (count := sum(line.kind == kind for line in given.lines))
        ],
        "lines": [
            {
                "label": words.label(line.label),
                "kind": words.KINDS[line.kind][0],
                "number": line.number,
                "issued": line.issued_at.astimezone(words.JST).date().isoformat(),
                "pdf": line.pdf_sha256,
                "json": line.json_sha256,
            }
            for line in given.lines
        ],
    }


def _drawable(value: Any, covered: frozenset[int]) -> Any:
    if isinstance(value, str):
        return glyphs.drawable(value, covered)
    if isinstance(value, Mapping):
        return {key: _drawable(inner, covered) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_drawable(inner, covered) for inner in value]
    return value


def _qr(url: str) -> str:
    code = qrcode.QRCode(
        error_correction=qrcode.constants.ERROR_CORRECT_Q, border=4, image_factory=SvgPathImage, mask_pattern=QR_MASK
    )
    code.add_data(url)
    return code.make_image().to_string(encoding="unicode")


def _picture(photo: Photo, copies: Mapping[str, bytes]) -> str:
    """Wrap the copy in an SVG: `sys.inputs` carries text only, and typst passes the JPEG through unchanged."""
    if photo.sha256 not in copies:
        raise MissingPhoto(f"証拠写真 {photo.sha256} がありません。保管庫から取り寄せてから発行してください。")
    jpeg = copies[photo.sha256]
    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as copy:  # its header alone is read
        width, height = copy.size
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="data:image/jpeg;base64,{b64encode(jpeg).decode()}"/></svg>'
    )


def _find(fonts: Path, name: str) -> Path:
    for file in sorted(fonts.rglob(name)):
        return file
    raise FileNotFoundError(f"書体 {name} が {fonts} にありません。セットアップ(npm ci)を実行してください。")
