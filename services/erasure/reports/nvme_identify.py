"""`nvme id-ctrl -o json`: who the drive is. It says what a drive could do, never what was done to it."""

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import MediumKind, Outcome, Technique
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import MODEL_MAX, json_of, serial_of, visible

SOURCE = "nvme-id-ctrl"


def recognises(text: str) -> bool:
    """Whether the text looks like this source: a flat object with the field names of Identify Controller."""
    head = text[:4096]
    return head.lstrip().startswith("{") and all(f'"{name}"' in head for name in ("vid", "sn", "mn", "fr"))


def read(text: str) -> Report:
    """Read serial and model, padded with spaces by the drive. Raises Unreadable without them."""
    document = json_of(text)
    serial, model = document.get("sn"), document.get("mn")
    if not isinstance(serial, str) or not isinstance(model, str) or not serial.strip():
        raise Unreadable(
            "nvme id-ctrl の製造番号（sn）と型番（mn）がありません。"
            "`nvme id-ctrl -o json /dev/nvmeX` の出力をそのまま保存して登録し直してください。"
        )
    finding = Finding(
        technique=Technique.NONE,
        outcome=Outcome.NONE,
        words="Identify Controller",
        serial=serial_of(serial),
        model=visible(model.strip(" \0"), MODEL_MAX),
        kind=MediumKind.NVME,
    )
    return Report(tool="nvme-cli", tool_version="", source=SOURCE, findings=(finding,))
