"""`smartctl -j`: identity and kind of a drive. Health says nothing about erasure."""

from typing import Any

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import MediumKind, Outcome, Technique
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import MODEL_MAX, json_of, serial_of, visible

SOURCE = "smartctl"


def recognises(text: str) -> bool:
    """Whether the object names smartctl the way `-j` does."""
    head = text[:4096]
    return head.lstrip().startswith("{") and '"smartctl"' in head


def read(text: str) -> Report:
    """Read serial, model and kind. Raises Unreadable when no serial stands there (a drive that did not answer)."""
    document = json_of(text)
    tool = document.get("smartctl")
    serial, model = document.get("serial_number"), document.get("model_name", "")
    if not isinstance(tool, dict) or not isinstance(serial, str) or not serial.strip() or not isinstance(model, str):
        raise Unreadable(
            "smartctl の報告に製造番号（serial_number）がありません。"
            "`smartctl -j -x /dev/sdX` の出力をそのまま保存して登録し直してください。"
        )
    finding = Finding(
        technique=Technique.NONE,
        outcome=Outcome.NONE,
        words="smartctl",
        serial=serial_of(serial),
        model=visible(model.strip(), MODEL_MAX),
        kind=_kind(document),
    )
    return Report(tool="smartctl", tool_version=_version(tool), source=SOURCE, findings=(finding,))


def _kind(document: dict[str, Any]) -> MediumKind:
    """Rotation rate 0 is flash; NVMe says so in its protocol."""
    device, rate = document.get("device"), document.get("rotation_rate")
    if isinstance(device, dict) and device.get("protocol") == "NVMe":
        return MediumKind.NVME
    if not isinstance(rate, int) or isinstance(rate, bool):
        return MediumKind.UNKNOWN
    return MediumKind.HDD if rate else MediumKind.SSD


def _version(tool: dict[str, Any]) -> str:
    numbers = tool.get("version")
    if not isinstance(numbers, list) or not all(isinstance(n, int) and 0 <= n < 1000 for n in numbers[:3]):  # noqa: PLR2004 - three numbers of a version
        return ""
    return ".".join(str(n) for n in numbers[:3])
