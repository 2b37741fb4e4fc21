"""`smartctl -j`, and its text: identity and kind of a drive. Health says nothing about erasure.

`exit_status` is a bit mask and no verdict. A drive that did not answer leaves messages and no serial, and without -i
(`smartctl -jA`) it names a device only: read as what it is, an inventory that binds nothing.
"""

from typing import Any

from services.erasure.domain.technique import MediumKind
from services.erasure.reports.inventory import identity, inventory
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import ERRORS_MAX, PADDING, WORDS_MAX, json_of, lines_of, said, visible

SOURCE = "smartctl"

_TITLE = "smartctl "
_SECTION = "=== START OF INFORMATION SECTION ==="
_LABELS = {  # ATA, SCSI and NVMe write them differently
    "Serial Number": "serial",
    "Serial number": "serial",
    "Device Model": "model",
    "Model Number": "model",
    "Vendor": "vendor",
    "Product": "product",
    "Rotation Rate": "rate",
}


def recognises(text: str) -> bool:
    """Whether the object names smartctl or a device the way `-j` does, or the text has its banner and section."""
    head = text[:64].lstrip()
    if head.startswith("{"):
        return '"smartctl"' in text or ('"info_name"' in text and '"protocol"' in text)
    return head.startswith(_TITLE) and _SECTION in text


def read(text: str) -> Report:
    """Read serial, model and kind. Raises Unreadable where neither serial, device nor message stands."""
    if not text.lstrip().startswith("{"):
        return _from_text(text)
    return of_document(json_of(text))


def of_document(document: dict[str, Any]) -> Report:
    """Read one object of `-j`; other tools carry it inside theirs. Raises Unreadable as `read` does."""
    tool, device = document.get("smartctl"), document.get("device")
    tool, device = (value if isinstance(value, dict) else {} for value in (tool, device))
    serial, errors = said(document, "serial_number"), _messages(tool)
    if not (serial or errors or said(device, "name")):
        raise _unreadable()
    security = document.get("ata_security")
    enabled = security.get("enabled") if isinstance(security, dict) else None
    found = identity(
        "smartctl",
        serial=serial,
        model=said(document, "model_name", "scsi_model_name"),
        kind=_kind(document, device),
        security_enabled=enabled if isinstance(enabled, bool) else None,
        errors=errors,
    )
    return inventory("smartctl", SOURCE, [found], version=_version(tool))


def _messages(tool: dict[str, Any]) -> tuple[str, ...]:
    messages = tool.get("messages")
    if not isinstance(messages, list):
        return ()
    texts = [said(message, "string") for message in messages[:ERRORS_MAX] if isinstance(message, dict)]
    return tuple(visible(text, WORDS_MAX) for text in texts if text)


def _kind(document: dict[str, Any], device: dict[str, Any]) -> MediumKind:
    """Rotation rate 0 is flash; NVMe says so in its protocol."""
    rate = document.get("rotation_rate")
    if device.get("protocol") == "NVMe":
        return MediumKind.NVME
    if not isinstance(rate, int) or isinstance(rate, bool):
        return MediumKind.UNKNOWN
    return MediumKind.HDD if rate else MediumKind.SSD


def _version(tool: dict[str, Any]) -> str:
    numbers = tool.get("version")
    if not isinstance(numbers, list) or not all(isinstance(n, int) and 0 <= n < 1000 for n in numbers[:3]):  # noqa: PLR2004 - three numbers of a version
        return ""
    return ".".join(str(n) for n in numbers[:3])


def _from_text(text: str) -> Report:
    """Read the labels of the information section; the first of each counts, what a drive says stands behind them."""
    fields: dict[str, str] = {}
    lines = lines_of(text)
    for line in lines[lines.index(_SECTION) + 1 :] if _SECTION in lines else ():
        if line.startswith("==="):
            break
        label, colon, value = line.partition(":")
        if colon and (name := _LABELS.get(label)):
            fields.setdefault(name, value.strip(PADDING))
    if not fields.get("serial"):
        raise _unreadable()
    model = fields.get("model") or f"{fields.get('vendor', '')} {fields.get('product', '')}"
    banner = lines[0].split()
    found = identity("smartctl", serial=fields["serial"], model=model, kind=_kind_of_text(fields.get("rate", "")))
    return inventory("smartctl", SOURCE, [found], version=banner[1] if len(banner) > 1 else "")


def _kind_of_text(rate: str) -> MediumKind:
    if rate == "Solid State Device":
        return MediumKind.SSD
    return MediumKind.HDD if rate.endswith(" rpm") else MediumKind.UNKNOWN


def _unreadable() -> Unreadable:
    return Unreadable(
        "smartctl の報告に製造番号（serial_number）がありません。"
        "`smartctl -j -x /dev/sdX` の出力をそのまま保存して登録し直してください。"
    )
