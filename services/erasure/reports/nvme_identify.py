"""`nvme id-ctrl`, JSON and console text: who the drive is, what it could do; never what was done to it."""

from services.erasure.domain.technique import MediumKind
from services.erasure.reports.inventory import identity, inventory
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import json_of, lines_of

SOURCE = "nvme-id-ctrl"

_TITLE = "NVME Identify Controller:"
_FIELDS = ("sn", "mn")


def recognises(text: str) -> bool:
    """Whether it is a flat object with the field names of Identify Controller, or begins with the console's title."""
    head = text[:4096].lstrip()
    if head.startswith(_TITLE):
        return True
    return head.startswith("{") and all(f'"{name}"' in head for name in ("vid", "sn", "mn", "fr"))


def read(text: str) -> Report:
    """Read serial and model, padded with spaces by the drive. Raises Unreadable without them."""
    document = _from_console(text) if text.lstrip().startswith(_TITLE) else json_of(text)
    serial, model = document.get("sn"), document.get("mn")
    if not isinstance(serial, str) or not isinstance(model, str) or not serial.strip():
        raise Unreadable(
            "nvme id-ctrl の製造番号（sn）と型番（mn）がありません。"
            "`nvme id-ctrl -o json /dev/nvmeX` の出力をそのまま保存して登録し直してください。"
        )
    found = identity("Identify Controller", serial=serial, model=model, kind=MediumKind.NVME)
    return inventory("nvme-cli", SOURCE, [found])


def _from_console(text: str) -> dict[str, str]:
    """Take `sn        : 000E12   `; the first one counts, the drive's own text stands behind the colon only."""
    fields: dict[str, str] = {}
    for line in lines_of(text):
        name, colon, value = line.partition(":")
        if colon and name.strip() in _FIELDS and name.startswith(name.strip()):
            fields.setdefault(name.strip(), value.strip())
    return fields
