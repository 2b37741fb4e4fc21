"""The portal's CSV: three encodings, own clock, and every bad row named with what to do."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.donations.domain import portal
from services.donations.domain.portal import Portal
from services.donations.tests.conftest import CATEGORIES

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
HEADER = "申請番号,申請日時,区分,団体名,代表者,住所,電話番号,メールアドレス,希望台数,使い道"
GOOD = "E-0001,2026/11/05 08:33:10,集落,向町一区,見本　太郎,大字向町644,０２３３－４３－２２６１,,２,回覧"


def read(*rows: str, header: str = HEADER, encoding: str = "utf-8") -> Portal:
    return portal.read("\r\n".join([header, *rows, ""]).encode(encoding), CATEGORIES, NOW)


@pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig"])
def test_a_row_is_read_by_the_portals_own_clock_in_each_encoding(encoding: str) -> None:
    result = read(GOOD, encoding=encoding)
    assert result.problems == ()
    [(line, attested)] = result.rows
    assert (line, attested.key, attested.category, attested.units) == (2, "portal:E-0001", "hamlet", 2)
    assert attested.arrived_at == datetime(2026, 11, 4, 23, 33, 10, tzinfo=UTC)
    assert attested.applicant.representative == "見本　太郎"


def test_other_portals_call_the_columns_otherwise() -> None:
    header = "受付番号,到達日時,申請区分,団体の名前,代表者氏名,所在地,電話,台数"
    row = '7,2026-11-05T08:33:10+09:00,youth,"商工会,青年部",見本 次郎,向町1,09012345678,5台'
    [(_, attested)] = read(row, header=header).rows
    assert (attested.category, attested.units, attested.applicant.group_name) == ("youth", 5, "商工会,青年部")


# column to change, its value, what the sentence says
BAD = """
0|              |申請番号|空です
1|きのう        |申請日時|2026-11-05 08:33 の形
1|2026/13/05 08:33|申請日時|2026-11-05 08:33 の形
1|2026/11/24 12:01|申請日時|いまより後
2|病院          |区分|集落、商工会青年部
3|              |団体名|空です
6|43-2261       |電話番号|市外局番
8|0             |希望台数|1以上の整数
8|二            |希望台数|1以上の整数
8|-1            |希望台数|1以上の整数
8|1000000       |希望台数|1以上の整数
"""


@pytest.mark.parametrize("row", BAD.strip().splitlines())
def test_a_bad_cell_is_named_with_its_line_and_the_remedy(row: str) -> None:
    at, value, column, says = (cell.strip() for cell in row.split("|"))
    cells = GOOD.split(",")
    cells[int(at)] = value
    result = read(GOOD.replace("E-0001", "E-0000"), ",".join(cells))
    assert result.rows == ()
    assert [(problem.line, problem.column) for problem in result.problems] == [(3, column)]
    assert says in result.problems[0].ja
    assert result.problems[0].en.endswith(".")


def test_a_row_over_several_lines_is_named_by_its_first() -> None:
    multi = GOOD.replace("回覧", '"回覧\nと会計"').replace("E-0001", "E-0002")
    bad = GOOD.replace("集落", "学校").replace("E-0001", "E-0003")
    assert [problem.line for problem in read(GOOD, multi, bad).problems] == [5]


def test_a_number_that_comes_twice_in_a_file_is_named() -> None:
    [problem] = read(GOOD, GOOD).problems
    assert problem.line == 3
    assert "2行目と同じ番号" in problem.ja


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "見出しがありません"),
        (b"\xff\xfe\x00\x81", "文字コード"),
        ("申請番号,区分\r\n1,集落\r\n".encode(), "申請日時、団体名"),
        (HEADER.encode(), "1件もありません"),
        (f'{HEADER}\r\n"E-1,2026'.encode(), "引用符"),
        ((HEADER + "\r\n" + (GOOD + "\r\n") * 2001).encode(), "2000行まで"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, says: str) -> None:
    [problem, *_] = portal.read(content, CATEGORIES, NOW).problems
    assert says in problem.ja


@settings(max_examples=150)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"{HEADER}\n{text}".encode("utf-8", "replace")))
def test_no_file_breaks_the_reading(content: bytes) -> None:
    result = portal.read(content, CATEGORIES, NOW)
    assert bool(result.rows) != bool(result.problems)
