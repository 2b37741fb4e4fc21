"""A town's own heads and words: guessed, said once, read from then on, and what no column says."""

import pytest

from services.tracking.domain import columns, inventory
from services.tracking.tests.test_domain_inventory import GOOD, HEADS, file
from shared.events.tracking import Mapped
from shared.refused import Invalid

THEIR_HEADS = ["管理番号", "品名", "ネットワーク区分", "機密性", "ディスク種別", "HDDシリアル", "備考"]
THEIRS = ["R02-0031", "ノートPC(A4)", "ＬＧＷＡＮ", "3", "HDD", "000E12", "窓口"]


def test_a_town_s_own_heads_are_guessed_said_once_and_read_from_then_on() -> None:
    content = file(THEIRS, heads=THEIR_HEADS)
    first = inventory.read(content)
    assert "列がありません" in first.faults[0].ja
    guessed = columns.suggested(first.heads, first.mapped)
    assert guessed == {
        "asset_number": "管理番号",
        "item_kind": "品名",
        "zone": "ネットワーク区分",
        "confidentiality": "機密性",
        "medium_kind": "ディスク種別",
        "medium_serial": "HDDシリアル",
    }
    said = Mapped(columns={head: name for name, head in guessed.items()} | {"備考": ""})
    second = inventory.read(content, said)
    assert sorted(second.unknown) == [("item_kind", "ノートPC(A4)"), ("zone", "LGWAN")]
    assert [fault.line for fault in second.faults] == [2, 2]
    words = Mapped(words={"item_kind": {"ノートPC(A4)": "notebook"}, "zone": {"LGWAN": "lgwan"}})
    third = inventory.read(content, columns.check(columns.merged(said, words)))
    assert (third.faults, third.is_asking, third.ignored) == ([], False, ["備考"])
    row = third.rows[0]
    assert (row.described["item_kind"], row.zone, row.described["asset_number"]) == ("notebook", "lgwan", "R02-0031")
    assert inventory.read(file(GOOD), said).faults == [], "our own heads are read as before"


def test_our_own_heads_ask_nothing_and_a_likely_column_that_is_left_out_asks_once() -> None:
    assert not inventory.read(file([*GOOD, "x"], heads=[*HEADS, "備考"])).is_asking
    heads = ["管理番号", *HEADS[1:]]
    assert inventory.read(file(GOOD, heads=heads)).is_asking
    assert not inventory.read(file(GOOD, heads=heads), Mapped(columns={"管理番号": ""})).is_asking


def test_two_columns_for_one_thing_are_named() -> None:
    read = inventory.read(file([*GOOD, "R9"], heads=[*HEADS, "管理番号"]), Mapped(columns={"管理番号": "asset_number"}))
    assert ("「物品番号」になる列が2つ" in read.faults[0].ja, read.rows) == (True, [])


@pytest.mark.parametrize(
    "said",
    [
        Mapped(columns={"課": "nothing"}),
        Mapped(words={"maker": {"A": "B"}}),
        Mapped(words={"zone": {"庁内": "everywhere"}}),
        Mapped(words={"zone": {f"庁内{n}": "lgwan" for n in range(columns.WORDS_MAX + 1)}}),
        Mapped(columns={f"列{n}": "" for n in range(columns.HEADS_MAX + 1)}),
        Mapped(columns={"x" * 201: ""}),
    ],
)
def test_a_mapping_to_what_there_is_not_is_refused(said: Mapped) -> None:
    with pytest.raises(Invalid, match="選び直してください"):
        columns.check(said)


def test_what_a_town_says_later_wins_and_what_is_kept_is_bounded() -> None:
    old = Mapped(columns={"課": "department", "番号": "serial"}, words={"zone": {"庁内": "lgwan"}})
    both = columns.merged(old, Mapped(columns={"番号": "asset_number"}, words={"zone": {"外": "internet"}}))
    assert both.columns == {"課": "department", "番号": "asset_number"}
    assert both.words == {"zone": {"庁内": "lgwan", "外": "internet"}}
    for round_ in range(3):
        both = columns.merged(both, Mapped(columns={f"{round_}列{n}": "" for n in range(columns.HEADS_MAX)}))
    assert len(columns.check(both).columns) == columns.HEADS_MAX


WITHOUT = file([GOOD[0], GOOD[1], *GOOD[4:]], heads=[HEADS[0], HEADS[1], *HEADS[4:]])
ALL = Mapped(always={"zone": "lgwan", "confidentiality": "3A"})


def test_what_no_column_says_is_said_once_for_all_rows_and_shown_each_time() -> None:
    asked = inventory.read(WITHOUT)
    assert "列がありません：ネットワーク、機密性" in asked.faults[0].ja
    half = inventory.read(WITHOUT, Mapped(always={"zone": "lgwan", "confidentiality": ""}))
    assert "列がありません：機密性" in half.faults[0].ja
    read = inventory.read(WITHOUT, columns.check(ALL))
    assert (read.faults, read.assumed) == ([], {"zone": "LGWAN接続系", "confidentiality": "3A"})
    assert (read.rows[0].zone, read.rows[0].confidentiality) == ("lgwan", "3A")
    theirs = columns.merged(ALL, Mapped(words={"zone": {"LGWAN接続系": "internet"}}))
    assert inventory.read(WITHOUT, theirs).rows[0].zone == "lgwan", "it is a meaning, no word of theirs"
    assert read.is_asking, "it may be another network this time"


def test_a_column_wins_over_what_was_said_for_all_rows() -> None:
    read = inventory.read(file(GOOD), ALL)
    assert (read.faults, read.assumed, read.is_asking) == ([], {}, False)
    assert (read.rows[0].zone, read.rows[0].confidentiality) == ("mynumber", "3")
    empty = inventory.read(file([*GOOD[:2], "", *GOOD[3:]]), ALL)
    assert "ネットワーク「」" in empty.faults[0].ja, "an empty cell is a question, no answer"


@pytest.mark.parametrize("always", [{"serial": "S1"}, {"zone": "everywhere"}])
def test_only_a_zone_or_a_confidentiality_can_be_said_for_all_rows(always: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="選び直してください"):
        columns.check(Mapped(always=always))


def test_what_was_said_for_all_rows_is_kept_until_something_else_is_said() -> None:
    later = columns.merged(ALL, Mapped(always={"zone": ""}))
    assert later.always == {"zone": "", "confidentiality": "3A"}
    assert columns.merged(later, Mapped()).always == later.always
