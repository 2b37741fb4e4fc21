"""Hostile text made harmless: bounded, decoded once, without control characters. A device may write anything."""

import json
import unicodedata
from typing import Any

from services.erasure.domain.placeholder import named
from services.erasure.reports.report import Unreadable

CONTENT_MAX = 4 * 1024 * 1024  # bytes of one file; nwipe logs of a long day with many drives stay below 1 MiB
LINES_MAX = 50_000
LINE_MAX = 4_096  # characters; longer lines are cut, tools write at most a few hundred
SERIAL_MAX = 64  # ATA and NVMe give 20, SCSI up to 36
MODEL_MAX = 128  # ATA and NVMe give 40
WORDS_MAX = 200
ERRORS_MAX = 20  # kept per drive; the rest is in the original bytes
DEPTH_MAX = 40  # of nested JSON; the tools need 4

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
PADDING = " \0\t\r\n\f\v"  # what tools and drives put around a value; other blanks are part of it
_HOSTILE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # control, format (bidi), surrogates, unassigned, separators
_WITHOUT_INK = frozenset((  # letters, marks and symbols that print nothing (Unicode: Default_Ignorable_Code_Point)
    0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10),
    *range(0xE0100, 0xE01F0),
))  # fmt: skip
_IN_NAMES = "LNPS"  # letters, numbers, punctuation, symbols: marks and other blanks change a name without being seen


def visible(text: str, length_max: int) -> str:
    """Replace every character that is not printable, and cut: fit for a page, a log and a database."""
    if text.isascii() and text.isprintable():
        return text[:length_max]
    return "".join(c if _is_seen(c) else REPLACEMENT for c in text[:length_max])


def _is_seen(letter: str) -> bool:
    return unicodedata.category(letter) not in _HOSTILE and ord(letter) not in _WITHOUT_INK


def _name(text: str, length_max: int) -> str:
    """Replace what nobody sees in a name, so that it never equals the name without it."""
    plain = visible(text, length_max)
    if plain.isascii():
        return plain
    return "".join(c if c == " " or unicodedata.category(c)[0] in _IN_NAMES else REPLACEMENT for c in plain)


def serial_of(text: str) -> str:
    """Take a serial number without its padding. Raises Unreadable when it is longer than any device can give."""
    serial = text.strip(" \0")
    if len(serial) > SERIAL_MAX:
        raise Unreadable(
            f"製造番号が{SERIAL_MAX}文字を超えています。報告ファイルが壊れていないか確認し、道具で取り直してください。"
        )
    return _name(serial, SERIAL_MAX)


def model_of(text: str) -> str:
    """Take a model's name without its padding; too long, it is cut."""
    return _name(text.strip(PADDING), MODEL_MAX)


def host_of(text: str) -> str:
    """Take a computer's serial number without its padding, nothing where a placeholder stands; too long, it is cut."""
    return named(_name(text.strip(" \0\t"), SERIAL_MAX))


def decode(content: bytes) -> str:
    """UTF-8 with stray bytes replaced (some tools write them). Raises Unreadable for empty, too big or binary files."""
    if len(content) > CONTENT_MAX:
        raise Unreadable(
            f"ファイルが大きすぎます（上限 {CONTENT_MAX // 1024 // 1024} MiB）。報告だけを分けて登録してください。"
        )
    if not content.strip():
        raise Unreadable(
            "ファイルが空です。道具の出力が保存されていません。画面の文字も含めて取り直すか、作業記録（session）を登録してください。"
        )
    return content.decode("utf-8-sig", errors="replace")


def lines_of(text: str) -> list[str]:
    """Split at newlines only: a device may write other separators to forge a line. Raises Unreadable if too many."""
    if text.count("\n") > LINES_MAX:
        raise Unreadable(f"行数が多すぎます（上限 {LINES_MAX} 行）。報告だけを分けて登録してください。")
    return [line.rstrip("\r")[:LINE_MAX] for line in text.split("\n")]


def json_of(text: str) -> dict[str, Any]:
    """Read a JSON object strictly: no doubled keys, no NaN, bounded depth. Raises Unreadable."""
    value = json_value(text)
    if not isinstance(value, dict):
        raise Unreadable("JSON の最上位がオブジェクトではありません。道具の出力をそのまま保存して登録してください。")
    return value


def json_value(text: str) -> dict[str, Any] | list[Any]:
    """Read a JSON object or array, as strictly. Raises Unreadable."""
    try:
        value = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except Unreadable:
        raise
    except (ValueError, RecursionError) as error:
        raise Unreadable(
            "JSON として読めません。途中で切れていないか確認し、道具の出力をそのまま保存して登録し直してください。"
        ) from error
    if not isinstance(value, (dict, list)):
        raise Unreadable(
            "JSON の最上位がオブジェクトでも配列でもありません。道具の出力をそのまま保存して登録してください。"
        )
    _bound_depth(value)
    return value


def said(holder: dict[str, Any], *names: str) -> str:
    """Give the first of these values that is text with something in it, without its padding; else nothing."""
    for name in names:
        value = holder.get(name)
        if isinstance(value, str) and value.strip(" \0"):
            return value.strip(" \0")
    return ""


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("JSON に同じ項目が二度あります。改変の疑いがあるため読みません。道具で取り直してください。")
    return found


def _no_constant(_: str) -> None:
    raise Unreadable("JSON に数でない値（NaN など）があります。道具の出力をそのまま登録してください。")


def _bound_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
        ]
        if not level:
            return
    raise Unreadable("JSON の入れ子が深すぎます。道具の出力をそのまま登録してください。")
