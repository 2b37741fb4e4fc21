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

from services.tracking.domain import archive, columns, table, workbook
from services.tracking.domain.columns import CELL_MAX, HEADS, HEADS_MAX, LABEL
from services.tracking.domain.row import DESCRIBED, NUMBERS, NUMBERS_EN, OURS, Fault, Line, Row
from services.tracking.domain.width import plain
from shared.cells import unescaped
from shared.events.tracking import ItemRegistered, Lease, Mapped
from shared.refused import Invalid

ROWS_MAX = 20_000
LINES_MAX = 100_000  # with empty ones
TITLES_MAX = 10  # lines among which the heads are looked for
HEADS_MIN = 2  # that must be known, for a line to be taken for them past the first
FAULTS_MAX = 1_000  # then reading stops: the columns are wrong, not the rows
FAULTS_SAID_MAX = 50  # at once
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_JUDGED = ("item_kind", "zone", "confidentiality", "lease")


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
                ja, en = f"{ROWS_MAX}台を超えています。分けてください。", f"More than {ROWS_MAX} devices. Split it."
                if number >= LINES_MAX:
                    ja = f"空の行を含めて{LINES_MAX}行を超えています。下の空の行を消してください。"
                    en = f"More than {LINES_MAX} lines, with empty ones. Delete the empty lines at the end."
                inventory.faults.append(Fault(number, ja, en))
                break
            if len(cells) != len(heads):
                ja = f"列の数が{len(heads)}ではなく{len(cells)}です。区切りを確かめてください。"
                inventory.faults.append(Fault(number, ja, f"{len(cells)} columns instead of {len(heads)}."))
                continue
            said = {name: unescaped(cell.strip()) for name, cell in zip(names, cells, strict=True) if name}
            line = Line(number, said, mapped, assumed)
            if line.is_clear(dict(zip(names, cells, strict=True))):
                _take(inventory, seen, line)
            inventory.faults += line.faults
    except table.Unreadable as broken:
        inventory.faults.append(Fault(broken.line, broken.ja, broken.en))
    return inventory


def _opened(inventory: Inventory, content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Return the lines of a CSV or a workbook. Raises Unreadable for what is neither."""
    if not content.startswith(archive.MAGIC):
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
            ja = f"{LABEL} {row.label} は、別の内容で登録されています。機器のページで訂正できます。"
            en = f"The tracking ID {row.label} is registered with other values. Correct them on the device's page."
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
    fixed = words.get(columns.column_of(name), {})
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


def _take(inventory: Inventory, seen: dict[tuple[str, str], int], line: Line) -> None:
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
