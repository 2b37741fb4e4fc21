"""`nvme list`: JSON, flat (nvme-cli 1.x, 2.x) and by subsystem (2.x with -v, 3.x), and the table. Several drives."""

from collections.abc import Iterator
from typing import Any

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import MediumKind
from services.erasure.reports.inventory import identity, inventory
from services.erasure.reports.report import Report
from services.erasure.reports.text import PADDING, json_of, lines_of, said

SOURCE = "nvme-list"


def recognises(text: str) -> bool:
    """Whether it is an object of devices with NVMe's names for serial and model."""
    head = text[:16_384]
    if _is_table(head.split("\n")):
        return True
    return head.lstrip().startswith("{") and all(f'"{name}"' in head for name in ("Devices", "SerialNumber"))


def read(text: str) -> Report:
    """Read every controller or namespace that names a serial. Raises Unreadable when there is none."""
    lines = lines_of(text)
    nodes = _rows(lines) if _is_table(lines) else _named(json_of(text).get("Devices"))
    return inventory("nvme-cli", SOURCE, [_finding(node) for node in nodes])


def _is_table(lines: list[str]) -> bool:
    """Tell whether there is a heading and a rule of dashes under it, one run a column."""
    if len(lines) < 2 or not (lines[0].startswith("Node ") and " SN " in lines[0]):  # noqa: PLR2004 - heading and rule
        return False
    return "-" in lines[1] and not lines[1].strip("- \r")


def _rows(lines: list[str]) -> Iterator[dict[str, Any]]:
    """Cut each row where the runs of dashes begin: blanks in a serial or model stay."""
    starts = [at for at, sign in enumerate(lines[1]) if sign == "-" and lines[1][at - 1 : at] != "-"]
    names = {"Node": "DevicePath", "SN": "SerialNumber", "Model": "ModelNumber"}
    for line in lines[2:]:
        cut = {
            names[head]: line[start:end].strip(PADDING)
            for start, end in zip(starts, [*starts[1:], None], strict=True)
            if (head := lines[0][start:end].strip()) in names
        }
        if line.startswith("/dev/"):
            yield cut


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
