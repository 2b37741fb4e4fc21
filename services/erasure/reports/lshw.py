"""`lshw -json`, a whole computer or `-class disk`: binds drives to the computer they sit in.

Of an NVMe drive the disk node has neither model nor serial; the kernel's world-wide name repeats both in hexadecimal
(`nvme.<vendor>-<serial>-<model>-<namespace>`, drivers/nvme/host/sysfs.c), or the controller above it tells them.
"""

from collections.abc import Iterator
from typing import Any

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import MediumKind
from services.erasure.reports.inventory import identity, inventory
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import host_of, json_value, said

SOURCE = "lshw"

_WWID = "nvme."
_WWID_PARTS = 4


def recognises(text: str) -> bool:
    """Whether the first nodes have lshw's own keys."""
    head = text[:4096].lstrip()
    keys = ("id", "class", "claimed")
    return head.startswith(("{", "[")) and all(f'"{key}"' in head for key in keys) and '"smartctl"' not in head


def read(text: str) -> Report:
    """Read the disks and the computer's serial. Raises Unreadable when neither stands there."""
    return inventory("lshw", SOURCE, of_document(json_value(text)))


def of_document(document: Any) -> list[Finding]:
    """Read lshw's nodes; other tools carry them inside theirs."""
    tops = document if isinstance(document, list) else [document]
    host = next(
        (host_of(said(top, "serial")) for top in tops if isinstance(top, dict) and top.get("class") == "system"), ""
    )
    found = [_finding(node, above, host) for top in tops for node, above in _disks(top, {})]
    if not found and host:
        return [identity("lshw", host_serial=host)]
    return found


def _disks(node: Any, above: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Give each disk with the node above it; the depth of the document is bounded before."""
    if not isinstance(node, dict):
        return
    if node.get("class") == "disk" and _device(node) and not str(node.get("id", "")).startswith(("cdrom", "medium")):
        yield node, above
        return
    children = node.get("children")
    for child in children if isinstance(children, list) else ():
        yield from _disks(child, node)


def _device(node: dict[str, Any]) -> str:
    """Give the block device's name; "/dev/ng0n1" and "hwmon1" are other doors of the same drive."""
    names = node.get("logicalname")
    for name in names if isinstance(names, list) else [names]:
        if isinstance(name, str) and name.startswith("/dev/") and not name.startswith("/dev/ng"):
            return name
    return ""


def _finding(node: dict[str, Any], above: dict[str, Any], host: str) -> Finding:
    device = _device(node)
    is_nvme = device.startswith("/dev/nvme")
    serial, model = said(node, "serial"), said(node, "product")
    if is_nvme and not serial:
        settings = node.get("configuration")
        serial, model = _from_wwid(said(settings, "wwid") if isinstance(settings, dict) else "")
        serial, model = serial or said(above, "serial"), model or said(above, "product")
    kind = MediumKind.NVME if is_nvme else MediumKind.UNKNOWN
    return identity("lshw", serial=serial, model=model, device=device, host_serial=host, kind=kind)


def _from_wwid(wwid: str) -> tuple[str, str]:
    parts = wwid.removeprefix(_WWID).split("-")
    if not wwid.startswith(_WWID) or len(parts) != _WWID_PARTS:
        return "", ""
    try:
        serial, model = (bytes.fromhex(part).decode("ascii") for part in parts[1:3])
    except ValueError:
        raise Unreadable(
            "lshw の wwid が壊れています。`lshw -json` の出力をそのまま保存して登録し直してください。"
        ) from None
    return serial, model
