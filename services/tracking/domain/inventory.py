"""The town's own inventory (物品台帳) as it comes: CSV in CP932 or UTF-8, Japanese headers. Pure.

Decode BOM → UTF-8 → CP932 and nothing else: detectors guess wrong. Serials stay text: `000E12` and
leading zeros are what is printed on the drive. Every problem row is named with its line and what to do, before
anything is written.
"""

import csv
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from shared.events.tracking import Confidentiality, Lease, Zone
from shared.refused import Invalid

FILE_SIZE_MAX = 10 * 1024 * 1024  # bytes
ROWS_MAX = 20_000
CELL_MAX = 200  # characters
CAPACITY_MAX = 1_000_000  # GB
FAULTS_SAID_MAX = 50  # in one refusal
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BREAK = re.compile(r"[ \u3000\r\n]*[\r\n][ \u3000\r\n]*")  # a spreadsheet's line break within a cell

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
NUMBERS: Mapping[str, str] = {"asset_number": "物品番号", "serial": "製造番号", "medium_serial": "媒体製造番号"}
NUMBERS_EN: Mapping[str, str] = {"asset_number": "Asset number", "serial": "Serial", "medium_serial": "Medium serial"}
_NO_NUMBER = frozenset({"なし", "無し", "無", "不明", "NA", "N/A"})  # what people write where there is none
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """One device of the inventory."""

    described: dict[str, Any]
    media: tuple[dict[str, Any], ...]
    zone: Zone
    confidentiality: Confidentiality
    line: int = 0  # where it stood; no part of what it says

    @property
    def numbers(self) -> dict[tuple[str, str], str]:
        """Return the numbers that no other device may have: which and how it compares → as it is written."""
        said = [(name, self.described.get(name)) for name in ("asset_number", "serial")]
        said += [("medium_serial", medium["serial"]) for medium in self.media]
        return {(name, compared): text for name, text in said if text and (compared := comparable(name, text))}


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
        seen: dict[tuple[str, str], int] = {}
        for number, cells in enumerate(lines, 2):  # as a spreadsheet counts: a cell of two lines is one row
            if not any(cell.strip() for cell in cells):
                continue
            if len(inventory.rows) >= ROWS_MAX:
                inventory.faults.append(
                    Fault(
                        number,
                        f"{ROWS_MAX}行を超えています。分けてください。",
                        f"More than {ROWS_MAX} rows. Split it.",
                    )
                )
                break
            if len(cells) != len(heads):
                inventory.faults.append(
                    Fault(
                        number,
                        f"列の数が{len(heads)}ではなく{len(cells)}です。区切りを確かめてください。",
                        f"{len(cells)} columns instead of {len(heads)}.",
                    )
                )
                continue
            said = {COLUMNS[head]: cell.strip() for head, cell in zip(heads, cells, strict=True) if head in COLUMNS}
            _take(inventory, seen, _Line(number, said))
    except csv.Error:
        inventory.faults.append(
            Fault(
                lines.line_num,
                '引用符が閉じていません。この行の「"」を確かめてください。',
                "A quotation mark is not closed on this line.",
            )
        )
    return inventory


def digest(rows: Sequence[Row]) -> str:
    """Return the SHA-256 of what the rows say: a table saved again in another encoding or form is the same table."""
    said = [[row.described, row.media, row.zone, row.confidentiality] for row in rows]
    return hashlib.sha256(json.dumps(said, default=lambda part: part.model_dump()).encode()).hexdigest()


def comparable(name: str, text: str) -> str:
    """Return a number as it is compared with others, full-width letters folded; empty for what is no number.

    A medium always has one, so whatever stands there counts.
    """
    plain = _plain(text)
    nothing = plain.upper() in _NO_NUMBER or not any(letter.isalnum() for letter in plain)
    return "" if nothing and name != "medium_serial" else plain


def registered_before(rows: Iterable[Row], labels: Mapping[tuple[str, str], str]) -> list[Fault]:
    """Return a fault for each line that names a device registered before; `labels` says under which tracking ID."""
    return [
        Fault(
            row.line,
            f"{NUMBERS[name]} {said} は、追跡ID {labels[name, compared]} の機器として登録されています。"
            "同じ機器なら、この行を消してください。別の機器なら、番号を確かめて直してください。",
            f"{NUMBERS_EN[name]} {said} is registered already, under the tracking ID {labels[name, compared]}. "
            "Remove this line if it is the same device; otherwise check the number and correct it.",
        )
        for row in rows
        for (name, compared), said in row.numbers.items()
        if (name, compared) in labels
    ]


def refusal(faults: Sequence[Fault]) -> Invalid:
    """Return the answer to an inventory with faults: how many, the first with its line, and all that fit."""
    first = faults[0]
    lines = [f"{fault.line}行目：{fault.ja}" if fault.line else fault.ja for fault in faults[:FAULTS_SAID_MAX]]
    return Invalid(
        "inventory",
        f"{len(faults)}か所に直すところがあります。{lines[0]}",
        f"{len(faults)} problem(s). " + (f"Line {first.line}: {first.en}" if first.line else first.en),
        missing=tuple(lines),
        line=first.line,
    )


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

    def unfold(self) -> None:
        """Make one line of a cell with a line break; a number that is broken in two is a fault, for nobody knows it."""
        for name, cell in self.said.items():
            if not _BREAK.search(cell):
                continue
            if name in NUMBERS:
                self.wrong(
                    f"{NUMBERS[name]}の途中に改行があります。ラベルを見て、1行に打ち直してください。",
                    f"{NUMBERS_EN[name]}: there is a line break inside. Look at the label and type it on one line.",
                )
            self.said[name] = _BREAK.sub(" ", cell)

    def unlike(self, row: Row, seen: Mapping[tuple[str, str], int]) -> bool:
        """Tell whether no line above has one of the row's numbers; one that has it is a fault."""
        for (name, compared), said in row.numbers.items():
            if (name, compared) in seen:
                self.wrong(
                    f"{NUMBERS[name]} {said} は{seen[name, compared]}行目と同じです。どちらかを直してください。",
                    f"{NUMBERS_EN[name]} {said} is also on line {seen[name, compared]}. Correct one of them.",
                )
        return not self.faults

    def serial(self) -> str:
        """Return the medium's serial as text; an empty one is a fault."""
        if not (serial := self.said["medium_serial"]):
            self.wrong("媒体製造番号がありません。ラベルを見て入れてください。", "The medium's serial is missing.")
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


def _take(inventory: Inventory, seen: dict[tuple[str, str], int], line: _Line) -> None:
    if any(len(cell) > CELL_MAX for cell in line.said.values()):
        line.wrong(
            f"{CELL_MAX}文字を超える欄があります。短くしてください。", f"A cell is longer than {CELL_MAX} characters."
        )
        inventory.faults += line.faults
        return
    line.unfold()
    if any(_CONTROL.search(cell) for cell in line.said.values()):
        line.wrong(
            "見えない文字（制御文字）が入った欄があります。その欄を打ち直してください。",
            "A cell holds an invisible control character. Type that cell again.",
        )
        inventory.faults += line.faults
        return
    said = line.said
    kind, zone = line.word("item_kind", "種別", KINDS), line.word("zone", "ネットワーク", ZONES)
    grade, medium = line.word("confidentiality", "機密性", GRADES), line.word("medium_kind", "媒体種別", MEDIA)
    serial, capacity = line.serial(), line.capacity()
    if line.faults or kind is None or zone is None or grade is None:
        inventory.faults += line.faults
        return
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
    row = Row(described, (part,), zone, grade, line.number)
    if line.unlike(row, seen):
        seen |= dict.fromkeys(row.numbers, line.number)
        inventory.rows.append(row)
    else:
        inventory.faults += line.faults


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
