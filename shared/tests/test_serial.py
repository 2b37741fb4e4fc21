import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.serial import is_near, loose

# one serial | other          | near | what happened to it
TABLE = """
000E12       | 000E12         | yes  | nothing
000E12       | E12            | yes  | a spreadsheet dropped the zeros
000E12       | OOOE12         | yes  | zero read as the letter
S64I1L       | S64111         | yes  | one read as I or L
s64dnx       | S64DNX         | yes  | case
Ｓ６４ＤＮＸ | S64DNX         | yes  | full width
WD-WCC 3F4   | WDWCC3F4       | yes  | separators
S64DNX       | S64DNY         | no   | another drive
S64DNX       | S64DN          | no   | cut short
000          |                | no   | nothing left to compare
-            | 0              | no   | nothing left to compare
"""


@pytest.mark.parametrize("line", TABLE.strip().splitlines())
def test_near(line: str) -> None:
    one, other, near, _ = (cell.strip() for cell in line.split("|"))
    assert is_near(one, other) is (near == "yes")
    assert is_near(other, one) is is_near(one, other)


@given(st.text(st.sampled_from("0O1IlL9zZ -_./Ｏ０ｌ"), max_size=20))
def test_folding_twice_is_folding_once(serial: str) -> None:
    assert loose(loose(serial)) == loose(serial)
