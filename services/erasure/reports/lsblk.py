"""`lsblk`, JSON and columns: which drives a computer shows. udev replaces blanks and bars in serials by "_".

An eMMC has boot areas that the kernel shows as devices of their own (mmcblk0boot0), a memory card in a slot has none:
that tells flash on the board from a card. The areas are parts of it and no drives.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import MediumKind
from services.erasure.reports.inventory import identity, inventory
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import PADDING, json_of, lines_of, said

SOURCE = "lsblk"

_COLUMNS = {
    "NAME", "KNAME", "PATH", "MAJ:MIN", "RM", "SIZE", "RO", "TYPE", "MOUNTPOINT", "MOUNTPOINTS", "MODEL", "SERIAL",
    "TRAN", "ROTA", "VENDOR", "REV", "WWN", "FSTYPE", "LABEL", "UUID", "STATE", "HCTL",
}  # fmt: skip
_COLUMNS_MIN = 3
_NO_DRIVES = ("loop", "ram", "zram", "sr", "dm-", "md", "zd")
_AREA = re.compile(r"(mmcblk\d{1,4})(boot\d{1,2}|rpmb|gp\d{1,2})")  # of an eMMC (JEDEC JESD84-B51 §6.2)


def recognises(text: str) -> bool:
    """Whether it is the object of block devices, or the first line is a row of lsblk's column names."""
    head = text[:4096].lstrip()
    if head.startswith("{"):
        return '"blockdevices"' in head
    return _is_header(head.partition("\n")[0])


def read(text: str) -> Report:
    """Read the whole disks; partitions, loops and optical drives are none. Raises Unreadable when there is no disk."""
    found = _from_json(text) if text.lstrip().startswith("{") else _from_columns(lines_of(text))
    return inventory("lsblk", SOURCE, list(found))


def _is_header(line: str) -> bool:
    words = line.split()
    return len(words) >= _COLUMNS_MIN and words[0] in ("NAME", "KNAME") and set(words) <= _COLUMNS


def _is_disk(name: str, kind: str) -> bool:
    is_area = _AREA.fullmatch(name) is not None
    return bool(name) and kind in ("disk", "") and not (is_area or name.startswith(_NO_DRIVES))


def _on_boards(names: Iterable[str]) -> frozenset[str]:
    """Return the devices that show the areas of an eMMC."""
    return frozenset(found[1] for name in names if (found := _AREA.fullmatch(name)))


def _from_json(text: str) -> Iterator[Finding]:
    devices = json_of(text).get("blockdevices")
    if not isinstance(devices, list):
        raise Unreadable("lsblk の blockdevices が配列ではありません。出力をそのまま保存して登録し直してください。")
    names = [said(device, "name", "kname").removeprefix("/dev/") for device in devices if isinstance(device, dict)]
    soldered = _on_boards(names)
    for device in devices:
        if isinstance(device, dict) and _is_disk(name := said(device, "name", "kname"), said(device, "type")):
            yield identity(
                "lsblk",
                serial=said(device, "serial"),
                model=said(device, "model"),
                device=name,
                kind=_kind(name, device.get("rota"), said(device, "tran"), soldered),
            )


def _kind(name: str, rotates: Any, transport: str, soldered: frozenset[str]) -> MediumKind:
    """Believe "does not rotate"; that something rotates is also said of what the kernel does not know (USB)."""
    if name.removeprefix("/dev/") in soldered:
        return MediumKind.SOLDERED
    if name.startswith("nvme"):
        return MediumKind.NVME
    if rotates in (False, "0"):
        return MediumKind.SSD
    return MediumKind.HDD if rotates in (True, "1") and transport in ("sata", "sas", "ata") else MediumKind.UNKNOWN


def _from_columns(lines: list[str]) -> Iterator[Finding]:
    """Cut each line where the header's words begin: text is left-aligned under them, so blanks in a model stay."""
    header = next(line for line in lines if line.strip())
    starts = [(name, header.index(name)) for name in ("MODEL", "SERIAL") if name in header.split()]
    if not starts:
        raise Unreadable(
            "lsblk の表に SERIAL 列がありません。`lsblk -J -o NAME,TYPE,MODEL,SERIAL` で取り直してください。"
        )
    soldered = _on_boards(line.split(" ", 1)[0] for line in lines)
    others = sorted(header.index(name) for name in header.split())
    for line in lines[lines.index(header) + 1 :]:
        name = line.split(" ", 1)[0]
        if not _is_disk(name, "") or not name[0].isascii():  # tree lines are partitions
            continue
        cut = {column: line[start : _end(start, others)].strip(PADDING) for column, start in starts}
        yield identity(
            "lsblk",
            serial=cut.get("SERIAL", ""),
            model=cut.get("MODEL", ""),
            device=name,
            kind=_kind(name, None, "", soldered),
        )


def _end(start: int, others: list[int]) -> int | None:
    return next((other for other in others if other > start), None)
