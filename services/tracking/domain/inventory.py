"""The town's own inventory (物品台帳) as it comes: CSV in CP932 or UTF-8, Japanese headers. Pure.

Decode BOM → UTF-8 → CP932 and nothing else: detectors guess wrong. Serials stay text: `000E12` and
leading zeros are what is printed on the drive. Every problem row is named with its line and what to do, before
anything is written.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from shared.events.tracking import Confidentiality, Lease, Zone

FILE_SIZE_MAX = 10 * 1024 * 1024  # bytes
ROWS_MAX = 20_000
CELL_MAX = 200  # characters
CAPACITY_MAX = 1_000_000  # GB
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

COLUMNS: Mapping[str, str] = {
    "物品番号": "asset_number",
    "種別": "item_kind",
    "メーカー": "maker",
    "型名": "model",
    "製造番号": "serial",
    "使用課": "department",
    "ネットワーク": "zone",
    "機密性": "confidentiality",
    "リース会社": "lessor",
    "リース条項": "clause",
    "媒体種別": "medium_kind",
    "媒体メーカー": "medium_maker",
    "媒体型名": "medium_model",
    "媒体製造番号": "medium_serial",
    "媒体容量GB": "medium_capacity",
}
NEEDED = ("種別", "ネットワーク", "機密性", "媒体種別", "媒体製造番号")

KINDS: Mapping[str, Literal["notebook", "desktop", "loose-drive"]] = {
    "ノート": "notebook",
    "ノートパソコン": "notebook",
    "ノートPC": "notebook",
    "デスクトップ": "desktop",
    "デスクトップパソコン": "desktop",
    "デスクトップPC": "desktop",
    "記憶媒体": "loose-drive",
}
ZONES: Mapping[str, Zone] = {
    "個人番号利用事務系": "mynumber",
    "LGWAN接続系": "lgwan",
    "インターネット接続系": "internet",
}
MEDIA: Mapping[str, Literal["hdd", "ssd", "nvme", "unknown"]] = {
    "HDD": "hdd",
    "SSD": "ssd",
    "NVMe": "nvme",
    "NVME": "nvme",
    "不明": "unknown",
    "": "unknown",
}
GRADES: Mapping[str, Confidentiality] = {
    **{grade: grade for grade in ("3", "3A", "3B", "3C", "2", "1")},
    **{f"機密性{grade}": grade for grade in ("3", "3A", "3B", "3C", "2", "1")},
}
DESCRIBED = ("asset_number", "maker", "model", "serial", "department")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """One device of the inventory."""

    described: dict[str, Any]
    media: tuple[dict[str, Any], ...]
    zone: Zone
    confidentiality: Confidentiality


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in one line, and what to do."""

    line: int
    ja: str
    en: str


@dataclass(slots=True)
class Inventory:
    """What a file says: rows that can be registered and lines that cannot."""

    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read(content: bytes) -> Inventory:
    """Read an inventory. Nothing is raised: what cannot be read is a fault with its line."""
    inventory = Inventory()
    if len(content) > FILE_SIZE_MAX:
        inventory.faults.append(
            Fault(0, "ファイルが大きすぎます。10 MB までに分けてください。", "The file is larger than 10 MB. Split it.")
        )
        return inventory
    text = _decode(content)
    if text is None:
        inventory.faults.append(
            Fault(
                0,
                "文字コードが読めません。Excelで「CSV UTF-8」として保存し直してください。",
                "The text encoding cannot be read. Save it as CSV UTF-8.",
            )
        )
        return inventory
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        heads = [unicodedata.normalize("NFKC", head).strip() for head in next(lines, [])]
        if missing := [name for name in NEEDED if name not in heads]:
            inventory.faults.append(
                Fault(
                    1,
                    f"列がありません：{'、'.join(missing)}。1行目に列の名前を入れてください。",
                    f"Missing columns: {', '.join(missing)}.",
                )
            )
            return inventory
        serials: dict[str, int] = {}
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            if len(inventory.rows) >= ROWS_MAX:
                inventory.faults.append(
                    Fault(
                        lines.line_num,
                        f"{ROWS_MAX}行を超えています。分けてください。",
                        f"More than {ROWS_MAX} rows. Split it.",
                    )
                )
                break
            if len(cells) != len(heads):
                inventory.faults.append(
                    Fault(
                        lines.line_num,
                        f"列の数が{len(heads)}ではなく{len(cells)}です。区切りを確かめてください。",
                        f"{len(cells)} columns instead of {len(heads)}.",
                    )
                )
                continue
            said = {COLUMNS[head]: cell.strip() for head, cell in zip(heads, cells, strict=True) if head in COLUMNS}
            _take(inventory, serials, _Line(lines.line_num, said))
    except csv.Error:
        inventory.faults.append(
            Fault(
                lines.line_num,
                '引用符が閉じていません。この行の「"」を確かめてください。',
                "A quotation mark is not closed on this line.",
            )
        )
    return inventory


@dataclass(slots=True)
class _Line:
    """One line while it is read."""

    number: int
    said: dict[str, str]
    faults: list[Fault] = field(default_factory=list)

    def wrong(self, ja: str, en: str) -> None:
        self.faults.append(Fault(self.number, ja, en))

    def word(self, name: str, head: str, words: Mapping[str, T]) -> T | None:
        """Return what a word of a fixed list means; another word is a fault that names the list."""
        said = self.said[name]
        if (meant := words.get(_plain(said))) is None:
            known = "、".join(dict.fromkeys(word for word in words if word))
            self.wrong(f"{head}「{said}」が分かりません。{known}のどれかにしてください。", f"Unknown value of {head}.")
        return meant

    def serial(self, seen: Mapping[str, int]) -> str:
        """Return the medium's serial as text; an empty or repeated one is a fault."""
        serial = self.said["medium_serial"]
        if not serial:
            self.wrong("媒体製造番号がありません。ラベルを見て入れてください。", "The medium's serial is missing.")
        elif serial in seen:
            self.wrong(
                f"媒体製造番号 {serial} は{seen[serial]}行目と同じです。どちらかを直してください。",
                f"Serial {serial} is also on line {seen[serial]}.",
            )
        return serial

    def capacity(self) -> int | None:
        """Return the capacity in GB, if one is given."""
        said = self.said.get("medium_capacity", "")
        if said and not (said.isascii() and said.isdecimal()):
            self.wrong(
                f"媒体容量GB「{said}」は数ではありません。数字だけにしてください。", "The capacity is not a number."
            )
            return None
        if int(said or 0) > CAPACITY_MAX:
            self.wrong(
                f"媒体容量GB「{said}」は大きすぎます。{CAPACITY_MAX:,}GB以下で、単位がGBか確かめてください。",
                f"The capacity is larger than {CAPACITY_MAX:,} GB. Check that it is in GB.",
            )
            return None
        return int(said) if said else None


def _take(inventory: Inventory, serials: dict[str, int], line: _Line) -> None:
    if any(len(cell) > CELL_MAX for cell in line.said.values()):
        line.wrong(
            f"{CELL_MAX}文字を超える欄があります。短くしてください。", f"A cell is longer than {CELL_MAX} characters."
        )
        inventory.faults += line.faults
        return
    if any(_CONTROL.search(cell) for cell in line.said.values()):
        line.wrong(
            "改行などの見えない文字が入った欄があります。その欄を打ち直してください。",
            "A cell holds an invisible control character, such as a line break. Type that cell again.",
        )
        inventory.faults += line.faults
        return
    said = line.said
    kind, zone = line.word("item_kind", "種別", KINDS), line.word("zone", "ネットワーク", ZONES)
    grade, medium = line.word("confidentiality", "機密性", GRADES), line.word("medium_kind", "媒体種別", MEDIA)
    serial, capacity = line.serial(serials), line.capacity()
    if line.faults or kind is None or zone is None or grade is None:
        inventory.faults += line.faults
        return
    serials[serial] = line.number
    described: dict[str, Any] = {name: said.get(name) or None for name in DESCRIBED}
    lease = Lease(lessor=said["lessor"], clause=said.get("clause", "")) if said.get("lessor") else None
    described |= {"item_kind": kind, "zone": zone, "confidentiality": grade, "lease": lease}
    part = {
        "kind": medium,
        "serial": serial,
        "maker": said.get("medium_maker") or None,
        "model": said.get("medium_model") or None,
        "capacity_gb": capacity,
    }
    inventory.rows.append(Row(described, (part,), zone, grade))


def _plain(text: str) -> str:
    """Fold full-width letters of a word from a fixed list; never of a serial."""
    return unicodedata.normalize("NFKC", text).strip()


def _decode(content: bytes) -> str | None:
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None
