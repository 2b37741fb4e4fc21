"""One line of an inventory: its cells as a device with its media, and what is wrong with it. Pure."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.tracking.domain import columns, table
from services.tracking.domain.columns import HEADS, LABEL, MEDIA_MAX
from services.tracking.domain.width import plain
from shared.events.tracking import Confidentiality, Mapped, Zone
from shared.ids import BadLabel, parse_label

CAPACITY_MAX = 1_000_000  # GB
_BREAK = re.compile(r"[ \u3000\r\n]*[\r\n][ \u3000\r\n]*")  # a spreadsheet's line break within a cell
OURS = Mapped()  # a list with our own heads and words
DESCRIBED = ("asset_number", "maker", "model", "serial", "department")
NUMBERS: Mapping[str, str] = {"asset_number": "物品番号", "serial": "製造番号", "medium_serial": "媒体製造番号"}
NUMBERS_EN: Mapping[str, str] = {"asset_number": "Asset number", "serial": "Serial", "medium_serial": "Medium serial"}
_NO_NUMBER = frozenset({"なし", "無し", "無", "不明", "NA", "N/A"})  # what people write where there is none


@dataclass(frozen=True, slots=True)
class Row:
    """One device of the inventory."""

    described: dict[str, Any]
    media: tuple[dict[str, Any], ...]
    zone: Zone
    confidentiality: Confidentiality
    line: int = 0  # where it stood; no part of what it says
    label: str = ""  # the tracking ID that an export says it has; no part of what it says either

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


def comparable(name: str, text: str) -> str:
    """Return a number as it is compared with others, full-width letters folded; empty for what is no number.

    A medium always has one, so whatever stands there counts.
    """
    folded = plain(text)
    nothing = folded.upper() in _NO_NUMBER or not any(letter.isalnum() for letter in folded)
    return "" if nothing and name != "medium_serial" else folded


@dataclass(slots=True)
class Line:
    """One line while it is read."""

    number: int
    said: dict[str, str]
    mapped: Mapped = OURS
    assumed: Mapping[str, str] = field(default_factory=dict)  # what every row means where no column says it
    faults: list[Fault] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)

    def wrong(self, ja: str, en: str) -> None:
        """Name what is wrong with this line."""
        self.faults.append(Fault(self.number, ja, en))

    def is_clear(self, cells: Mapping[str, str]) -> bool:
        """Tell whether the text of every cell that is read is known; one that is not is a fault."""
        for name, cell in cells.items():
            if not name or not isinstance(cell, table.Unclear):
                continue
            head = HEADS[name]
            if not cell:
                ja = f"{head}が、エラー（#N/Aなど）か、計算されていない式です。値を打ち直してください。"
                self.wrong(ja, f"{head} is an error such as #N/A or a formula without a result. Type the value.")
                continue
            self.wrong(
                f"{head}「{cell}」は{cell.ja}として入っていて、もとの文字が分かりません。"
                "列の書式を「文字列」にし、ラベルや元の書類を見て打ち直してください。",
                f"{head} {cell} is stored as {cell.en}; what was typed is not known. "
                "Format the column as text and type it again from the label.",
            )
        return not self.faults

    def word(self, name: str, nth: int = 1) -> Any:
        """Return what a word of a fixed list means; another word is a fault that names the list."""
        if name in self.assumed:
            return self.assumed[name]
        words, theirs = columns.WORDS[name], self.mapped.words.get(name, {})
        said, head = self.cell(name, nth), HEADS[_nth(name, nth)]
        word = plain(said)
        if (meant := theirs.get(word) or words.get(word)) is None:
            known = "、".join(dict.fromkeys(word for word in words if word))
            self.wrong(f"{head}「{said}」が分かりません。{known}のどれかにしてください。", f"Unknown value of {head}.")
            self.unknown.append((name, word))
        return meant

    def cell(self, name: str, nth: int = 1) -> str:
        """Return a cell of the nth medium, or one that there is once; empty where there is none."""
        return self.said.get(_nth(name, nth), "")

    def unfold(self) -> None:
        """Make one line of a cell with a line break; a number that is broken in two is a fault, for nobody knows it."""
        for name, cell in self.said.items():
            if not _BREAK.search(cell):
                continue
            if columns.column_of(name) in NUMBERS:
                self.wrong(
                    f"{HEADS[name]}の途中に改行があります。ラベルを見て、1行に打ち直してください。",
                    f"{HEADS[name]}: there is a line break inside. Look at the label and type it on one line.",
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

    def media(self, kind: str | None) -> tuple[dict[str, Any], ...]:
        """Return the media of the line; `kind` is what the first column of kinds says, "none" for no medium at all."""
        numbers = [nth for nth in range(1, MEDIA_MAX + 1) if (kind != "none" and nth == 1) or self._is_told(nth)]
        if kind == "none" and numbers:
            self.wrong(
                "媒体種別は「なし」ですが、媒体のことが書いてあります。媒体種別を直すか、その欄を空にしてください。",
                "The kind of medium says there is none, but a medium is described. Correct one of them.",
            )
            return ()
        media = tuple(self._medium(nth, kind if nth == 1 else self.word("medium_kind", nth)) for nth in numbers)
        serials = [comparable("medium_serial", medium["serial"]) for medium in media if medium["serial"]]
        for serial in (serial for serial, times in Counter(serials).items() if times > 1):
            self.wrong(
                f"媒体製造番号 {serial} がこの行に2つあります。どちらかを直してください。",
                f"The medium serial {serial} stands twice on this line. Correct one of them.",
            )
        return media

    def _is_told(self, nth: int) -> bool:
        """Tell whether the line says anything of its nth medium."""
        names = [name for name in columns.MEDIUM_COLUMNS.values() if nth > 1 or name != "medium_kind"]
        if nth > 1 and columns.MEDIA.get(plain(self.cell("medium_kind", nth))) == "none":
            names.remove("medium_kind")
        return any(self.cell(name, nth) for name in names)

    def _medium(self, nth: int, kind: str | None) -> dict[str, Any]:
        if not (serial := self.cell("medium_serial", nth)):
            head = HEADS[_nth("medium_serial", nth)]
            self.wrong(f"{head}がありません。ラベルを見て入れてください。", "The medium's serial is missing.")
        if kind == "none" and nth > 1:
            self.wrong(
                f"{HEADS[_nth('medium_kind', nth)]}は「なし」ですが、その媒体のことが書いてあります。"
                "どちらかを直してください。",
                "The kind of medium says there is none, but a medium is described. Correct one of them.",
            )
        return {
            "kind": kind,
            "serial": serial,
            "maker": self.cell("medium_maker", nth) or None,
            "model": self.cell("medium_model", nth) or None,
            "capacity_gb": self._capacity(nth),
        }

    def _capacity(self, nth: int) -> int | None:
        """Return the capacity in GB, if one is given."""
        said, head = self.cell("medium_capacity", nth), HEADS[_nth("medium_capacity", nth)]
        if said and not (said.isascii() and said.isdecimal()):
            self.wrong(f"{head}「{said}」は数ではありません。数字だけにしてください。", "The capacity is not a number.")
            return None
        if int(said or 0) > CAPACITY_MAX:
            self.wrong(
                f"{head}「{said}」は大きすぎます。{CAPACITY_MAX:,}GB以下で、単位がGBか確かめてください。",
                f"The capacity is larger than {CAPACITY_MAX:,} GB. Check that it is in GB.",
            )
            return None
        return int(said) if said else None

    def label(self) -> str:
        """Return the tracking ID of a row that was exported; empty for a new one."""
        said = self.cell("label")
        try:
            return parse_label(said).id if said else ""
        except BadLabel:
            self.wrong(
                f"{LABEL}「{said}」は追跡IDではありません。新しい機器なら、{LABEL}の欄を空にしてください。",
                f'"{said}" is no tracking ID. Empty the cell for a new device.',
            )
            return ""


def _nth(name: str, nth: int) -> str:
    """Return the field of the nth medium; the first has none in its name."""
    return f"{name}_{nth}" if nth > 1 else name
