"""The CSV of a prefecture's application portal: read strictly, every bad row named with its line and the remedy.

Decoding is BOM, then UTF-8, then CP932 (Windows Shift_JIS); no detector guesses better. The portal's
own clock is the arrival; a time without a zone is Japan's.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.donations.domain.applicant import Applicant, Attested, is_phone
from shared.events.donations import Category

ROWS_MAX = 2000
CELL_MAX = 2000  # characters
UNITS_MAX = 999
TOKYO = ZoneInfo("Asia/Tokyo")

# What we need, and what portals call it; the first name is the one we ask for.
COLUMNS: dict[str, tuple[str, ...]] = {
    "key": ("申請番号", "受付番号", "整理番号"),
    "arrived_at": ("申請日時", "受付日時", "到達日時"),
    "category": ("区分", "申請区分"),
    "group_name": ("団体名", "団体の名前"),
    "representative": ("代表者", "代表者名", "代表者氏名"),
    "address": ("住所", "所在地"),
    "phone": ("電話番号", "電話"),
    "units": ("希望台数", "台数"),
    "mail": ("メールアドレス", "メール"),
    "purpose": ("使い道", "使用目的", "利用目的"),
}
MAY_MISS = ("mail", "purpose")


class Problem(NamedTuple):
    """What is wrong at a line of the file (the header is line 1), and what to do."""

    line: int
    column: str
    ja: str
    en: str


@dataclass(frozen=True, slots=True)
class Portal:
    """What a file says: applications with their lines, and problems."""

    rows: tuple[tuple[int, Attested], ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Row:
    """One line while it is read."""

    line: int
    cells: dict[str, str]
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, name: str, ja: str, en: str) -> None:
        self.problems.append(Problem(self.line, COLUMNS[name][0], ja, en))

    def need(self, name: str) -> str:
        text = self.cells.get(name, "").strip()
        if not text and name not in MAY_MISS:
            self.wrong(name, "空です。入れてください。", "It is empty. Fill it in.")
        elif len(text) > CELL_MAX or "\x00" in text:
            self.wrong(
                name,
                "長すぎるか、使えない文字があります。直してください。",
                "It is too long or holds a character that cannot be stored. Correct it.",
            )
            return ""
        return text


def read(content: bytes, categories: Sequence[Category], now: datetime) -> Portal:
    """Read a file against the categories of the call. Applications are given only when no row has a problem."""
    try:
        lines = list(_lines(_decode(content)))
        header, places = _header(lines)
    except _Unreadable as wrong:
        return Portal(problems=(wrong.problem,))
    problems: list[Problem] = []
    rows: list[tuple[int, Attested]] = []
    seen: dict[str, int] = {}
    for line, cells in lines[header:]:
        if not any(cell.strip() for cell in cells):
            continue
        row = _Row(line, {name: cells[at] if at < len(cells) else "" for name, at in places.items()})
        attested = _attested(row, categories, now)
        first = seen.setdefault(attested.key, line)
        if first != line and row.cells["key"].strip():
            row.wrong(
                "key",
                f"{first}行目と同じ番号です。どちらかを消してください。",
                f"It is the number of line {first}. Delete one of them.",
            )
        problems += row.problems
        rows.append((line, attested))
    if not rows:
        problems.append(
            Problem(2, "", "応募が1件もありません。ファイルを確かめてください。", "There is no row. Check the file.")
        )
    return Portal(problems=tuple(problems)) if problems else Portal(rows=tuple(rows))


class _Unreadable(Exception):
    def __init__(self, line: int, column: str, ja: str, en: str) -> None:
        super().__init__(en)
        self.problem = Problem(line, column, ja, en)


def _decode(content: bytes) -> str:
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _Unreadable(
        1,
        "",
        "文字コードが読めません。ポータルからCSV（UTF-8かShift_JIS）で保存し直してください。",
        "The encoding cannot be read. Save it from the portal as CSV again, in UTF-8 or Shift_JIS.",
    )


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    try:
        for cells in reader:
            yield begins, cells
            begins = reader.line_num + 1
    except csv.Error:
        raise _Unreadable(
            begins,
            "",
            "CSVとして読めません。引用符の閉じ忘れを確かめてください。",
            "It cannot be read as CSV. Check for an open quotation mark.",
        ) from None


def _header(lines: Sequence[tuple[int, list[str]]]) -> tuple[int, dict[str, int]]:
    """Return how many lines the header takes, and at which place each column stands."""
    named = [unicodedata.normalize("NFKC", cell).strip() for cell in (lines[0][1] if lines else ())]
    places = {
        name: named.index(alias) for name, aliases in COLUMNS.items() for alias in reversed(aliases) if alias in named
    }
    missing = [aliases[0] for name, aliases in COLUMNS.items() if name not in places and name not in MAY_MISS]
    if missing:
        listed = "、".join(missing)
        raise _Unreadable(
            1,
            missing[0],
            f"1行目に見出しがありません：{listed}。見出しの行を直してください。",
            f"The first line lacks the headings {listed}. Correct the heading line.",
        )
    if len(lines) - 1 > ROWS_MAX:
        raise _Unreadable(
            ROWS_MAX + 2,
            "",
            f"1度に取り込めるのは{ROWS_MAX}行までです。分けてください。",
            f"At most {ROWS_MAX} rows are taken at once. Split the file.",
        )
    return 1, places


def _attested(row: _Row, categories: Sequence[Category], now: datetime) -> Attested:
    phone = row.need("phone")
    if phone and not is_phone(phone):
        row.wrong(
            "phone",
            "けたが合いません。市外局番から入れてください。",
            "The digits do not fit. Give the number with its area code.",
        )
    return Attested(
        key=f"portal:{unicodedata.normalize('NFKC', row.need('key'))}",
        channel="portal",
        category=_category(row, categories),
        units=_units(row),
        arrived_at=_arrival(row, now),
        applicant=Applicant(
            group_name=row.need("group_name"),
            representative=row.need("representative"),
            address=row.need("address"),
            phone=phone,
            mail=row.need("mail"),
            purpose=row.need("purpose"),
        ),
    )


def _category(row: _Row, categories: Sequence[Category]) -> str:
    said = unicodedata.normalize("NFKC", row.need("category"))
    for category in categories:
        if said in (category.code, unicodedata.normalize("NFKC", category.name)):
            return category.code
    if said:
        names = "、".join(category.name for category in categories)
        row.wrong(
            "category",
            f"この公募にない区分です。{names} のどれかに直してください。",
            f"The call has no such category. Put one of {names}.",
        )
    return said


def _units(row: _Row) -> int:
    said = unicodedata.normalize("NFKC", row.need("units")).removesuffix("台")
    if said.isascii() and said.isdecimal() and len(said) <= len(str(UNITS_MAX)) and int(said) >= 1:
        return int(said)
    if said:
        row.wrong("units", "1以上の整数に直してください。例：2", "Put a whole number of at least 1, as in 2.")
    return 1


def _arrival(row: _Row, now: datetime) -> datetime:
    said = unicodedata.normalize("NFKC", row.need("arrived_at")).replace("/", "-")
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S"):
        try:
            at = datetime.strptime(said, form)  # noqa: DTZ007 - the zone is set below where the portal gives none
        except ValueError:
            continue
        at = at if at.tzinfo else at.replace(tzinfo=TOKYO)
        if at > now:
            row.wrong("arrived_at", "いまより後の日時です。確かめてください。", "It lies in the future. Check it.")
        return at
    if said:
        row.wrong(
            "arrived_at",
            "日時として読めません。2026-11-05 08:33 の形に直してください。",
            "It is no date and time. Write it as 2026-11-05 08:33.",
        )
    return now
