"""The town's own inventory (物品台帳) as it comes: its rows as devices with their media, and every problem. Pure.

Serials stay text: `000E12` and leading zeros are what is printed on the drive. Every problem row is named with its
line and what to do, before anything is written.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from typing import Any

from services.tracking.domain import columns, parts, table, workbook
from services.tracking.domain.columns import CELL_MAX, HEADS, HEADS_MAX, LABEL, MEDIA_MAX, plain
from shared.events.tracking import Confidentiality, ItemRegistered, Lease, Mapped, Zone
from shared.ids import BadLabel, parse_label
from shared.refused import Invalid

ROWS_MAX = 20_000
LINES_MAX = 100_000  # with empty ones
TITLES_MAX = 10  # lines among which the heads are looked for
HEADS_MIN = 2  # that must be known, for a line to be taken for them past the first
FAULTS_MAX = 1_000  # then reading stops: the columns are wrong, not the rows
CAPACITY_MAX = 1_000_000  # GB
FAULTS_SAID_MAX = 50  # in one refusal
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BREAK = re.compile(r"[ \u3000\r\n]*[\r\n][ \u3000\r\n]*")  # a spreadsheet's line break within a cell
OURS = Mapped()  # a list with our own heads and words

_JUDGED = ("item_kind", "zone", "confidentiality", "lease")
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


@dataclass(slots=True)
class Inventory:
    """What a file says: rows that can be registered and lines that cannot."""

    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)  # (field, word) nobody knows → how many rows
    again: int = 0  # rows of an export that are registered just so
    mapped: Mapped = OURS
    sheet: str = ""  # of a workbook, the one that was read
    beside: tuple[str, ...] = ()  # and those that were not
    sample: list[str] = field(default_factory=list)  # the first row, where the columns are not known yet

    @property
    def is_asking(self) -> bool:
        """Tell whether somebody should say which column or word means what."""
        if not self.heads:
            return False
        known = {name for name in columns.named(self.heads, self.mapped) if name}
        guessed = columns.suggested(self.heads, self.mapped).keys() - known
        return bool(columns.lacking(self.heads, self.mapped) or self.assumed or guessed or self.unknown)

    @property
    def assumed(self) -> dict[str, str]:
        """What is taken for every row because no column says it: field → our word. Asked anew with each list."""
        assumed = columns.assumed(self.heads, self.mapped)
        return {name: columns.meanings(name)[meant] for name, meant in assumed.items()}

    @property
    def offered(self) -> list[tuple[str, str]]:
        """The heads of the file to choose from, each with the first value below it as far as there is one."""
        return [(head, said) for head, said in zip_longest(self.heads, self.sample, fillvalue="") if head]

    @property
    def ignored(self) -> list[str]:
        """The columns that are not read."""
        named = columns.named(self.heads, self.mapped)
        return [head for head, name in zip(self.heads, named, strict=True) if head and not name]


def read(content: bytes, mapped: Mapped = OURS) -> Inventory:
    """Read an inventory. Nothing is raised: what cannot be read is a fault with its line."""
    inventory = Inventory(mapped=mapped)
    try:
        top, heads, lines = _headed(_opened(inventory, content), mapped)
        names = _named(inventory, top, heads)
        if not names:  # what helps to say which column is which
            inventory.sample = next(([*map(str.strip, cells)] for _, cells in lines if any(map(str.strip, cells))), [])
        assumed, seen = columns.assumed(inventory.heads, mapped), dict[tuple[str, str], int]()
        for number, cells in lines if names else ():
            if not any(cell.strip() for cell in cells) and number < LINES_MAX:
                continue
            if len(inventory.faults) >= FAULTS_MAX:
                ja = f"直すところが{FAULTS_MAX}を超えたので、ここまでで止めました。列の対応も確かめてください。"
                inventory.faults.append(Fault(number, ja, f"More than {FAULTS_MAX} problems. Check the columns first."))
                break
            if len(inventory.rows) >= ROWS_MAX or number >= LINES_MAX:
                wrong = f"{ROWS_MAX}行を超えています。分けてください。", f"More than {ROWS_MAX} rows. Split it."
                inventory.faults.append(Fault(number, *wrong))
                break
            if len(cells) != len(heads):
                ja = f"列の数が{len(heads)}ではなく{len(cells)}です。区切りを確かめてください。"
                inventory.faults.append(Fault(number, ja, f"{len(cells)} columns instead of {len(heads)}."))
                continue
            said = {name: table.unescaped(cell.strip()) for name, cell in zip(names, cells, strict=True) if name}
            line = _Line(number, said, mapped, assumed)
            if line.is_clear(dict(zip(names, cells, strict=True))):
                _take(inventory, seen, line)
            inventory.faults += line.faults
    except table.Unreadable as broken:
        inventory.faults.append(Fault(broken.line, broken.ja, broken.en))
    return inventory


def _opened(inventory: Inventory, content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Return the lines of a CSV or a workbook. Raises Unreadable for what is neither."""
    if not content.startswith(parts.MAGIC):
        return table.lines(content)
    opened = workbook.opened(content)
    inventory.sheet, inventory.beside = opened.sheet, opened.beside
    return opened.lines


def _headed(
    lines: Iterator[tuple[int, list[str]]], mapped: Mapped
) -> tuple[int, list[str], Iterator[tuple[int, list[str]]]]:
    """Return the line with the heads, past a title above the table, and the lines below it."""
    first = [*islice(lines, TITLES_MAX)]
    reads = (len(columns.suggested([plain(cell) for cell in cells[:HEADS_MAX]], mapped)) for _, cells in first)
    nth = next((nth for nth, known in enumerate(reads) if known >= HEADS_MIN), 0)
    top, heads = first[nth] if first else (1, [])
    return top, heads, chain(first[nth + 1 :], lines)


def _named(inventory: Inventory, top: int, said: Sequence[str]) -> list[str]:
    """Return the field of each column; none, and faults, when the heads are not those of an inventory."""
    if len(said) > HEADS_MAX or any(len(head) > CELL_MAX for head in said):
        ja = f"{top}行目が表の見出しではありません。列は{HEADS_MAX}まで、列の名前は{CELL_MAX}文字までです。"
        inventory.faults.append(Fault(top, ja, f"Line {top} is no table head of at most {HEADS_MAX} columns."))
        return []
    inventory.heads = [plain(head) for head in said]
    names = columns.named(inventory.heads, inventory.mapped)
    if missing := columns.lacking(inventory.heads, inventory.mapped):
        ja = f"列がありません：{'、'.join(missing)}。{top}行目に列の名前を入れてください。"
        inventory.faults.append(Fault(top, ja, f"Missing columns: {', '.join(missing)}."))
    for name, times in Counter(name for name in names if name).items():
        if times > 1:
            ja = f"「{HEADS[name]}」になる列が{times}つあります。1つにしてください。"
            inventory.faults.append(Fault(top, ja, f"{times} columns are read as {HEADS[name]}. Keep one."))
    return [] if inventory.faults else names


def digest(rows: Sequence[Row]) -> str:
    """Return the SHA-256 of what the rows say: a table saved again in another encoding or form is the same table."""
    said = [[row.described, row.media, row.zone, row.confidentiality] for row in rows]
    return hashlib.sha256(json.dumps(said, default=lambda part: part.model_dump()).encode()).hexdigest()


def comparable(name: str, text: str) -> str:
    """Return a number as it is compared with others, full-width letters folded; empty for what is no number.

    A medium always has one, so whatever stands there counts.
    """
    folded = plain(text)
    nothing = folded.upper() in _NO_NUMBER or not any(letter.isalnum() for letter in folded)
    return "" if nothing and name != "medium_serial" else folded


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


def row_of(registered: ItemRegistered) -> Row:
    """Return the row that says what was registered."""
    described = {name: getattr(registered, name) for name in (*DESCRIBED, *_JUDGED)}
    media = tuple(medium.model_dump(exclude={"id"}) for medium in registered.media)
    return Row(described, media, registered.zone, registered.confidentiality, label=registered.label)


def settle(inventory: Inventory, there: Mapping[str, Row]) -> None:
    """Take out the rows that are registered just so under the tracking ID they give; one that differs is a fault."""
    rows = inventory.rows
    inventory.rows = [row for row in rows if not row.label]
    for row in rows:
        if not row.label:
            continue
        if (known := there.get(row.label)) is None:
            ja = f"{LABEL} {row.label} は、この契約にありません。新しい機器なら、{LABEL}の欄を空にしてください。"
            en = f"The tracking ID {row.label} is not in this engagement. Empty its cell for a new device."
            inventory.faults.append(Fault(row.line, ja, en))
        elif (known.described, known.media) != (row.described, row.media):
            ja = f"{LABEL} {row.label} は、別の内容で登録されています。登録した内容は、この表では変えられません。"
            en = f"The tracking ID {row.label} is registered with other values. This list cannot change them."
            inventory.faults.append(Fault(row.line, f"{ja}この行を消してください。", f"{en} Remove this line."))
        else:
            inventory.again += 1


def export(items: Sequence[Row]) -> list[list[str]]:
    """Return the table of registered items with our heads; reading it says the same of every one of them."""
    most = max((len(row.media) for row in items), default=0)
    further = [f"{name}_{nth}" for nth in range(2, most + 1) for name in columns.MEDIUM_COLUMNS.values()]
    names = ["label", *columns.COLUMNS.values(), *further]
    words = {name: columns.meanings(name) for name in columns.WORDS}
    told = [[HEADS[name] for name in names]]
    for row in items:
        lease = row.described["lease"]
        said = row.described | ({"lessor": lease.lessor, "clause": lease.clause} if lease else {})
        said |= {"label": row.label, **({} if row.media else {"medium_kind": "none"})}
        for nth, medium in enumerate(row.media, 1):
            end = f"_{nth}" if nth > 1 else ""
            said |= {f"medium_{name.removesuffix('_gb')}{end}": value for name, value in medium.items()}
        told.append([_written(words, name, said.get(name)) for name in names])
    return told


def choices() -> dict[str, list[str]]:
    """Return {our head: the words it may hold}, to be chosen from in a workbook."""
    return {HEADS[name]: [*columns.meanings(name).values()][::-1] for name in columns.WORDS}


def _written(words: Mapping[str, Mapping[str, str]], name: str, value: Any) -> str:
    fixed = words.get(name.rstrip("_2345678"), {})
    return fixed.get(value, str(value)) if value is not None else ""


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
    mapped: Mapped = OURS
    assumed: Mapping[str, str] = field(default_factory=dict)  # what every row means where no column says it
    faults: list[Fault] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)

    def wrong(self, ja: str, en: str) -> None:
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
        return self.said.get(_nth(name, nth), "")

    def unfold(self) -> None:
        """Make one line of a cell with a line break; a number that is broken in two is a fault, for nobody knows it."""
        for name, cell in self.said.items():
            if not _BREAK.search(cell):
                continue
            if name.rstrip("_2345678") in NUMBERS:
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


def _take(inventory: Inventory, seen: dict[tuple[str, str], int], line: _Line) -> None:
    if any(len(cell) > CELL_MAX for cell in line.said.values()):
        line.wrong(
            f"{CELL_MAX}文字を超える欄があります。短くしてください。", f"A cell is longer than {CELL_MAX} characters."
        )
        return
    line.unfold()
    if any(_CONTROL.search(cell) for cell in line.said.values()):
        line.wrong(
            "見えない文字（制御文字）が入った欄があります。その欄を打ち直してください。",
            "A cell holds an invisible control character. Type that cell again.",
        )
        return
    said = line.said
    kind, zone, grade = (line.word(name) for name in _JUDGED[:3])
    first = line.word("medium_kind")
    media, label = line.media(first), line.label()
    if kind == "loose-drive" and first == "none":
        line.wrong(
            "種別が記憶媒体なのに、媒体種別が「なし」です。どちらかを直してください。",
            "A loose drive cannot be without a medium. Correct one of them.",
        )
    if line.faults or kind is None or zone is None or grade is None:
        inventory.unknown.update(line.unknown)
        return
    described: dict[str, Any] = {name: said.get(name) or None for name in DESCRIBED}
    lease = Lease(lessor=said["lessor"], clause=said.get("clause", "")) if said.get("lessor") else None
    described |= {"item_kind": kind, "zone": zone, "confidentiality": grade, "lease": lease}
    row = Row(described, media, zone, grade, line.number, label)
    if line.unlike(row, seen):
        seen |= dict.fromkeys(row.numbers, line.number)
        inventory.rows.append(row)


def _nth(name: str, nth: int) -> str:
    """Return the field of the nth medium; the first has none in its name."""
    return f"{name}_{nth}" if nth > 1 else name
