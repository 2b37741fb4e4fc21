"""The columns and words of an inventory: ours, and what a town's own heads and words mean. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from services.tracking.domain.width import plain
from shared.events.tracking import Confidentiality, Mapped, MediumKind, Zone
from shared.refused import Invalid

MEDIA_MAX = 8  # of one item
HEADS_MAX = 200  # columns of one file, and heads kept for a town
WORDS_MAX = 40  # words of a town kept for one column, and asked at once
CELL_MAX = 200  # characters

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
MEDIUM_COLUMNS: Mapping[str, str] = {head: name for head, name in COLUMNS.items() if name.startswith("medium_")}
LABEL = "追跡ID"
FIELDS: Mapping[str, str] = {
    LABEL: "label",
    **COLUMNS,
    **{
        f"{head}{nth}": f"{name}_{nth}" for nth in range(2, MEDIA_MAX + 1) for head, name in MEDIUM_COLUMNS.items()
    },  # 媒体種別2, 媒体製造番号2 …
}
HEADS: Mapping[str, str] = {name: head for head, name in FIELDS.items()}
ALWAYS = ("zone", "confidentiality")  # may be said once for all rows of a list without the column
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
MEDIA: Mapping[str, MediumKind | Literal["none"]] = {
    "HDD": "hdd",
    "SSD": "ssd",
    "NVMe": "nvme",
    "NVME": "nvme",
    "eMMC": "soldered",
    "EMMC": "soldered",
    "UFS": "soldered",
    "基板実装": "soldered",
    "不明": "unknown",
    "なし": "none",
    "": "unknown",
    "無し": "none",
    "無": "none",
}
GRADES: Mapping[str, Confidentiality] = {
    **{grade: grade for grade in ("3", "3A", "3B", "3C", "2", "1")},
    **{f"機密性{grade}": grade for grade in ("3", "3A", "3B", "3C", "2", "1")},
}
WORDS: Mapping[str, Mapping[str, str]] = {
    "item_kind": KINDS,
    "zone": ZONES,
    "confidentiality": GRADES,
    "medium_kind": MEDIA,
}

# What towns call them, as `_folded` writes it. A suggestion only: the clerk says whether it is right.
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "asset_number": ("管理番号", "備品番号", "資産番号", "備品管理番号", "資産管理番号", "物品管理番号"),
    "item_kind": ("品名", "区分", "機種区分", "機器区分", "機器種別", "種類", "品目", "分類"),
    "maker": ("製造元", "メーカ", "メーカー名", "製造者"),
    "model": ("型番", "型式", "機種", "機種名", "モデル", "規格"),
    "serial": ("シリアル", "SN", "シリアル番号", "シリアルNO", "本体シリアル", "本体製造番号", "製番"),
    "department": ("課", "所属", "部署", "課名", "所属課", "使用部署", "管理課", "配置先", "設置場所"),
    "zone": ("系統", "ネットワーク区分", "接続系", "接続先", "業務系統"),
    "confidentiality": ("機密", "機密性区分", "機密区分", "機密性分類", "重要度"),
    "lessor": ("リース", "リース先", "賃貸人"),
    "clause": ("契約条項", "条項"),
    "medium_kind": (
        "ディスク種別",
        "記憶装置",
        "記憶装置種別",
        "記憶媒体",
        "記憶媒体種別",
        "ストレージ",
        "ストレージ種別",
        "HDD種別",
    ),
    "medium_maker": ("ディスクメーカー", "HDDメーカー", "記憶媒体メーカー"),
    "medium_model": ("ディスク型番", "HDD型番", "記憶媒体型名", "ディスク型名"),
    "medium_serial": (
        "HDDシリアル",
        "HDDシリアル番号",
        "ディスク製造番号",
        "ディスクシリアル",
        "SSDシリアル",
        "記憶媒体製造番号",
        "記憶装置シリアル",
        "記憶装置製造番号",
        "HDD製造番号",
    ),
    "medium_capacity": ("容量", "ディスク容量", "HDD容量", "容量GB", "記憶容量"),
}
_NAMED = {said: name for name, synonyms in _SYNONYMS.items() for said in synonyms}


def column_of(name: str) -> str:
    """Return the column of a field: of the nth medium the same as of the first (`medium_serial_2`)."""
    stem, _, nth = name.rpartition("_")
    return stem if nth.isdecimal() else name


def named(heads: Sequence[str], mapped: Mapped) -> list[str]:
    """Return the field that each column fills; empty for a column that is not read."""
    return [mapped.columns.get(head, FIELDS.get(head, "")) for head in heads]


def suggested(heads: Sequence[str], mapped: Mapped) -> dict[str, str]:
    """Return {field: head} as far as it is known or can be guessed; each head and each field at most once."""
    said = {name: head for head, name in reversed(list(zip(heads, named(heads, mapped), strict=True))) if name}
    for head in heads:
        name = _NAMED.get(_folded(head), "")
        if name and name not in said and head not in mapped.columns and head not in FIELDS:
            said[name] = head
    return said


def lacking(heads: Sequence[str], mapped: Mapped) -> list[str]:
    """Return the heads that every inventory needs and this one has not."""
    there = {*named(heads, mapped), *assumed(heads, mapped)}
    return [head for head in NEEDED if FIELDS[head] not in there]


def assumed(heads: Sequence[str], mapped: Mapped) -> dict[str, str]:
    """Return {field: what every row means} of the columns that are not there; a column always says it itself."""
    there = set(named(heads, mapped))
    return {name: meant for name, meant in mapped.always.items() if meant and name not in there}


def meanings(name: str) -> dict[str, str]:
    """Return {what a word may mean: the word we use for it} of a column with a fixed list."""
    return {meant: word for word, meant in reversed(list(WORDS[name].items())) if word}


def merged(old: Mapped, new: Mapped) -> Mapped:
    """Return what is known after an answer: the newer wins, the oldest goes when it is too much to keep."""
    columns = _newest(dict(old.columns), new.columns, HEADS_MAX)
    words = {name: _newest(dict(old.words.get(name, {})), new.words.get(name, {}), WORDS_MAX) for name in WORDS}
    always = {**old.always, **new.always}
    return Mapped(columns=columns, words={name: said for name, said in words.items() if said}, always=always)


def check(mapped: Mapped) -> Mapped:
    """Return the mapping. Raises Invalid for a column or a meaning that there is not, or for too many."""
    ja, en = _wrong_for_all(mapped)
    for head, name in mapped.columns.items():
        if name and name not in HEADS:
            ja, en = f"「{head}」の行き先「{name}」という列はありません。", f'There is no column "{name}".'
    for name, said in mapped.words.items():
        if name not in WORDS:
            ja, en = f"「{name}」は言葉の決まった列ではありません。", f'"{name}" is no column with a fixed list.'
        elif strange := [meant for meant in said.values() if meant not in WORDS[name].values()]:
            ja, en = f"{HEADS[name]}に「{strange[0]}」という意味はありません。", f'{name} cannot mean "{strange[0]}".'
        elif len(said) > WORDS_MAX:
            ja, en = f"{HEADS[name]}の言葉が{WORDS_MAX}を超えています。", f"More than {WORDS_MAX} words for {name}."
    cells = [*mapped.columns, *(word for said in mapped.words.values() for word in said)]
    if len(mapped.columns) > HEADS_MAX or any(len(cell) > CELL_MAX for cell in cells):
        ja, en = f"列は{HEADS_MAX}まで、名前は{CELL_MAX}文字までです。", f"At most {HEADS_MAX} columns."
    if ja:
        raise Invalid("columns", f"{ja}列の対応を選び直してください。", f"{en} Choose the columns again.")
    return mapped


def _wrong_for_all(mapped: Mapped) -> tuple[str, str]:
    for name, meant in mapped.always.items():
        if name not in ALWAYS or (meant and meant not in WORDS[name].values()):
            ja = f"すべての行を{HEADS.get(name, name)}「{meant}」とはできません。"
            return ja, f'{name} cannot be "{meant}" for all rows.'
    return "", ""


def _newest(old: dict[str, str], new: Mapping[str, str], most: int) -> dict[str, str]:
    kept = {said: meant for said, meant in old.items() if said not in new} | dict(new)
    return dict(list(kept.items())[-most:])


def _folded(head: str) -> str:
    return re.sub(r"[\s・_./()\[\]「」:-]", "", plain(head)).upper()
