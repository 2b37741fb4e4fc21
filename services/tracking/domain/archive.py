"""The parts of a workbook's archive, looked at before any is read: sizes, the farthest cell, formats. Pure.

The reader of values makes one block of all between the first and the last cell, and ends the process where there is no
room (seen: two cells in opposite corners, one kilobyte). So it gets only an archive that is written here, of parts that
were unpacked and walked through, with one sheet.
"""

import io
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import join, normpath
from xml.parsers import expat  # it expands nothing here: a document type is refused

from services.tracking.domain.table import Unreadable

MAGIC = b"PK\x03\x04"
ENTRIES_MAX = 2_000  # of an archive
UNPACKED_MAX = 64 * 1024 * 1024  # bytes, of all parts that are read
RATIO_MAX = 200  # unpacked to packed; honest ones have 5 to 30
ELEMENTS_MAX = 6_000_000  # of all parts that are read
SHEETS_MAX = 100  # looked at
NAME_MAX = 31  # characters of a sheet's name (what Excel allows)
ROWS_MAX = 100_000  # down to the last cell of a sheet
COLUMNS_MAX = 1_000  # to the last cell of a sheet
AREA_MAX = 4_000_000  # cells between the first and the last

_CELL = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})", re.ASCII)
# Formats that show the digits as they are, of a whole number: built in, and what remains of one a person made without
# colours, conditions, and space (ISO/IEC 29500-1, 18.8.30 and 18.8.31).
_PLAIN_IDS = frozenset({"0", "1", "2", "3", "4", "49"})
_PLAIN = re.compile(r"(General|G/標準|@|[#,?]*0?(\.[0#?]+)?)\s*")
_DECORATION = re.compile(r"\[[^\]]*\]|_.|\*.")
_GENERAL = frozenset({"General", "G/標準", "@"})
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_BOOK = (
    f'<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="1" sheetId="1" r:id="r0"/></sheets></workbook>'
)
_READ = {"sharedStrings": "xl/sharedStrings.xml", "styles": "xl/styles.xml"}
_SHEET_AT = "xl/worksheets/sheet1.xml"

Start = Callable[[str, dict[str, str]], None]


def broken() -> Unreadable:
    """Return the answer to what is no workbook that we can read."""
    return Unreadable(
        0,
        "Excelのブック（.xlsx）として読めません。Excelで開き、.xlsx か「CSV UTF-8」で保存し直してください。",
        "This cannot be read as a workbook (.xlsx). Open it in a spreadsheet and save it as .xlsx or CSV UTF-8.",
    )


def _too_much() -> Unreadable:
    return Unreadable(
        0,
        "ブックの中身が大きすぎます。台帳のシートだけを残すか、「CSV UTF-8」で保存し直してください。",
        "The workbook holds too much. Keep only the sheet with the list, or save it as CSV UTF-8.",
    )


@dataclass(slots=True)
class Sheet:
    """One sheet: its name, how far it reaches, and which of its cells need care."""

    name: str
    rows: int = 0
    columns: int = 0
    beside: tuple[str, ...] = ()  # other visible sheets with cells
    marked: dict[str, defaultdict[int, int]] = field(default_factory=dict)  # mark → line → a bit for each column

    def marks(self, mark: str, line: int, column: int) -> bool:
        """Tell whether a cell has a mark: `shaped` and `general` by its format, `empty` for no result."""
        return bool(self.marked[mark].get(line, 0) >> column & 1)


def first(content: bytes) -> tuple[Sheet, bytes]:
    """Return the first visible sheet that holds anything, and an archive of nothing but it.

    Raises Unreadable for what is no workbook, holds nothing, or too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _first(_Archive(archive))
    except (zipfile.BadZipFile, zlib.error, expat.ExpatError, EOFError, OSError) as wrong:
        raise broken() from wrong
    except (
        KeyError,
        ValueError,
        RuntimeError,
    ) as wrong:  # no such part, number, password or packing
        raise broken() from wrong


class _Archive:
    """The parts of an archive, each unpacked once, all within one bound."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive, self.left, self.elements_left = archive, UNPACKED_MAX, ELEMENTS_MAX
        if len(archive.infolist()) > ENTRIES_MAX:
            raise _too_much()

    def part(self, path: str) -> bytes:
        """Return a part. Raises KeyError when there is none, Unreadable when it is too large or packed strangely."""
        told = self.archive.getinfo(path)
        if told.file_size > min(self.left, RATIO_MAX * max(1, told.compress_size)):
            raise _too_much()
        if told.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise broken()
        said = self.archive.read(told)  # never more than it told; its checksum fails when it told less than there is
        self.left -= len(said)
        return said

    def walk(self, said: bytes, start: Start) -> None:
        """Go through the elements of a part: local name and attributes. Raises ExpatError where it is no XML."""
        parser = expat.ParserCreate("utf-8")

        def element(name: str, attributes: dict[str, str]) -> None:
            self.elements_left -= 1
            if self.elements_left < 0:
                raise _too_much()
            start(name.rpartition(":")[2] if ":" in name else name, attributes)

        def document_type(*_: object) -> None:
            raise broken()

        parser.StartElementHandler = element
        parser.StartDoctypeDeclHandler = document_type
        parser.Parse(said, True)


def _first(archive: _Archive) -> tuple[Sheet, bytes]:
    listed, paths = _listed(archive)
    kept = {at: archive.part(paths[kind]) for kind, at in _READ.items() if kind in paths}
    formats = _Formats()
    for at, said in kept.items():
        archive.walk(said, formats.start if at == _READ["styles"] else lambda *_: None)
    found: Sheet | None = None
    beside = []
    for name, path in listed:
        said = archive.part(path)
        cells = _Cells(name, formats)
        archive.walk(said, cells.start)
        if not cells.sheet.rows:
            continue
        if found is None:
            found, kept[_SHEET_AT] = cells.sheet, said
        else:
            beside.append(name)
    if found is None:
        raise Unreadable(
            0,
            "ブックに、値のある見えるシートがありません。台帳のシートを表示して保存し直してください。",
            "No visible sheet of this workbook holds anything. Show the sheet with the list and save it again.",
        )
    if found.rows > ROWS_MAX or found.columns > COLUMNS_MAX or found.rows * found.columns > AREA_MAX:
        raise Unreadable(
            0,
            f"シート「{found.name}」が広すぎます（{found.rows:,}行、{found.columns:,}列に値があります）。"
            "台帳の下と右にある行と列を削除して、保存し直してください。",
            f"The sheet {found.name} reaches too far: row {found.rows:,}, column {found.columns:,}. "
            "Delete what lies below and to the right of the list, and save it again.",
        )
    found.beside = tuple(beside)
    return found, _packed(kept)


def _listed(archive: _Archive) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Return the visible sheets (name, path), and the paths of the parts that they share."""
    related: dict[str, tuple[str, str]] = {}
    listed: list[tuple[str, str]] = []
    book = _main(archive)
    folder, _, name = book.rpartition("/")

    def relation(element: str, said: Mapping[str, str]) -> None:
        if element == "Relationship" and said.get("TargetMode") != "External":
            path = normpath(join("/", folder, said["Target"])).lstrip("/")
            related[said["Id"]] = said["Type"].rpartition("/")[2], path

    def sheet(element: str, said: Mapping[str, str]) -> None:
        if element == "sheet" and said.get("state", "visible") == "visible" and len(listed) < SHEETS_MAX:
            kind, path = related[next((value for key, value in said.items() if key.endswith(":id")), "")]
            if kind == "worksheet":
                listed.append((said["name"][:NAME_MAX], path))

    archive.walk(archive.part(f"{folder}/_rels/{name}.rels".lstrip("/")), relation)
    archive.walk(archive.part(book), sheet)
    return listed, {kind: path for kind, path in related.values() if kind in _READ}


def _main(archive: _Archive) -> str:
    """Return the path of the workbook's main part; KeyError for an archive of something else."""
    found: dict[str, str] = {}

    def relation(element: str, said: Mapping[str, str]) -> None:
        if element == "Relationship":
            found.setdefault(said["Type"].rpartition("/")[2], said["Target"].lstrip("/"))

    archive.walk(archive.part("_rels/.rels"), relation)
    return found["officeDocument"]


class _Formats:
    """Which styles of a workbook show a number as its digits, and which as the spreadsheet thinks best."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}
        self.shaped: set[str] = set()
        self.general: set[str] = {"0"}
        self.count, self.is_of_cells = 0, False

    def start(self, element: str, said: Mapping[str, str]) -> None:
        """Take one element of the styles."""
        if element == "numFmt":
            self.codes[said["numFmtId"]] = said["formatCode"]
        elif element in {"cellXfs", "cellStyleXfs", "cellStyles", "dxfs"}:
            self.is_of_cells = element == "cellXfs"
        elif element == "xf" and self.is_of_cells:
            self._style(str(self.count), said.get("numFmtId", "0"))
            self.count += 1

    def _style(self, style: str, number: str) -> None:
        code = _DECORATION.sub("", self.codes.get(number, "").split(";")[0])
        is_plain = _PLAIN.fullmatch(code) if number in self.codes else number in _PLAIN_IDS
        if not is_plain:
            self.shaped.add(style)
        if number in {"0", "49"} or code.strip() in _GENERAL:
            self.general.add(style)
        else:
            self.general.discard(style)


class _Cells:
    """How far a sheet reaches, and which cells need care, element by element."""

    def __init__(self, name: str, formats: _Formats) -> None:
        self.sheet = Sheet(name, marked={mark: defaultdict(int) for mark in ("shaped", "general", "empty")})
        self.formats = formats
        self.line = self.column = 0
        self.kind, self.style = "n", "0"

    def start(self, element: str, said: Mapping[str, str]) -> None:
        """Take one element of a sheet."""
        if element == "c":
            self._move(said.get("r", ""))
            self.kind, self.style = said.get("t", "n"), said.get("s", "0")
        elif element == "row":
            self.line, self.column = int(said.get("r", self.line + 1)), 0
        elif element in {"v", "is"}:
            self.sheet.rows, self.sheet.columns = max(self.sheet.rows, self.line), max(self.sheet.columns, self.column)
            if self.kind == "e":
                self._mark("empty")
            elif self.kind == "n" and self.style in self.formats.shaped:
                self._mark("shaped")
            elif self.kind == "n" and self.style in self.formats.general:
                self._mark("general")
        elif element == "f" and self.kind == "n":  # a number without one was not calculated; a text may be empty
            self._mark("empty")

    def _move(self, place: str) -> None:
        if not place:
            self.column += 1
            return
        if not (found := _CELL.fullmatch(place)):
            raise broken()
        self.line, self.column = int(found[2]), 0
        for letter in found[1]:
            self.column = self.column * 26 + ord(letter) - 64

    def _mark(self, mark: str) -> None:
        if self.line <= ROWS_MAX and self.column <= COLUMNS_MAX:
            self.sheet.marked[mark][self.line] |= 1 << self.column


def _packed(kept: Mapping[str, bytes]) -> bytes:
    """Return an archive of the parts, with a list of one sheet."""
    shared = [(kind, path) for kind, path in _READ.items() if path in kept]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")]))
        archive.writestr("xl/workbook.xml", _BOOK)
        archive.writestr("xl/_rels/workbook.xml.rels", _relations([("worksheet", _SHEET_AT), *shared]))
        for path, said in kept.items():
            archive.writestr(path, said)
    return out.getvalue()


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    listed = (
        f'<Relationship Id="r{nth}" Type="{_OFFICE}/{kind}" Target="/{path}"/>'
        for nth, (kind, path) in enumerate(targets)
    )
    return f'<Relationships xmlns="{_RELATIONS}">{"".join(listed)}</Relationships>'
