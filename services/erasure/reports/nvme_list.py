"""`nvme list -o json`: flat (nvme-cli 1.x, 2.x) and by subsystem (2.x with -v, 3.x). An inventory of several drives."""

from collections.abc import Iterator
from typing import Any

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import MediumKind
from services.erasure.reports.inventory import identity, inventory
from services.erasure.reports.report import Report
from services.erasure.reports.text import json_of, said

SOURCE = "nvme-list"


def recognises(text: str) -> bool:
    """Whether it is an object of devices with NVMe's names for serial and model."""
    head = text[:16_384]
    return head.lstrip().startswith("{") and all(f'"{name}"' in head for name in ("Devices", "SerialNumber"))


def read(text: str) -> Report:
    """Read every controller or namespace that names a serial. Raises Unreadable when there is none."""
    return inventory("nvme-cli", SOURCE, [_finding(node) for node in _named(json_of(text).get("Devices"))])


def _named(node: Any) -> Iterator[dict[str, Any]]:
    """Walk down to what has a serial; the depth of the document is bounded before."""
    if isinstance(node, dict):
        if said(node, "SerialNumber"):
            yield node
        else:
            for child in node.values():
                yield from _named(child)
    elif isinstance(node, list):
        for child in node:
            yield from _named(child)


def _finding(node: dict[str, Any]) -> Finding:
    return identity(
        "nvme list",
        serial=said(node, "SerialNumber"),
        model=said(node, "ModelNumber"),
        device=said(node, "DevicePath", "Controller"),
        kind=MediumKind.NVME,
    )
