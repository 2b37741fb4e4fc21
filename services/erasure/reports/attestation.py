"""The plain form: what a person says was done, one field a line. Kept as a claim, never as proof.

消去申告書: 1          (or: erasure-statement: 1)
製造番号: 000E12       serial
型番: …                model
方法: …                method
実施者: …              done-by
実施日時: 2026-04-08T10:00+09:00   done-at
結果: 完了             result: done | failed
備考: …                note
"""

from datetime import datetime

from services.erasure.domain.finding import Finding
from services.erasure.domain.reason import because
from services.erasure.domain.technique import Outcome, Technique
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import WORDS_MAX, lines_of, model_of, serial_of, visible

SOURCE = "attestation"
VERSION = "1"

_TITLES = ("消去申告書", "erasure-statement")
_NAMES = {
    "製造番号": "serial", "serial": "serial", "型番": "model", "model": "model", "方法": "method", "method": "method",
    "実施者": "done-by", "done-by": "done-by", "実施日時": "done-at", "done-at": "done-at", "結果": "result",
    "result": "result", "備考": "note", "note": "note",
}  # fmt: skip
_NEEDED = ("serial", "method", "done-by", "done-at", "result")
_RESULTS = {
    "完了": Outcome.CLAIMED,
    "done": Outcome.CLAIMED,
    "失敗": Outcome.FAILED,
    "failed": Outcome.FAILED,
    "未完了": Outcome.INCOMPLETE,
    "not finished": Outcome.INCOMPLETE,
}
_TIME_MAX = 40  # characters


def recognises(text: str) -> bool:
    """Whether the first line is the form's title."""
    return text[:256].lstrip().startswith(_TITLES)


def read(text: str) -> Report:
    """Read the form. Raises Unreadable when a needed field is missing, doubled or unknown."""
    fields = _fields([line for line in lines_of(text) if line.strip()])
    missing = [name for name in _NEEDED if not fields.get(name)]
    if missing or fields["result"] not in _RESULTS:
        raise _unreadable(f"{'・'.join(missing) or 'result'} が書かれていること")
    finding = Finding(
        technique=Technique.UNKNOWN,
        outcome=_RESULTS[fields["result"]],
        words=visible(f"{fields['method']} ({fields['done-by']})", WORDS_MAX),
        serial=serial_of(fields["serial"]),
        model=model_of(fields.get("model", "")),
        finished=_time(fields["done-at"]),
        notes=(because("attested", words=visible(fields["done-by"], WORDS_MAX)),),
    )
    return Report(tool="attestation", tool_version=VERSION, source=SOURCE, findings=(finding,))


def _fields(lines: list[str]) -> dict[str, str]:
    title, _, version = lines[0].replace("：", ":").partition(":")
    if title.strip() not in _TITLES or version.strip() != VERSION:
        raise _unreadable(f"一行目が「{_TITLES[0]}: {VERSION}」であること")
    fields: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.replace("：", ":", 1).partition(":")
        key = _NAMES.get(name.strip())
        if not colon or key is None or key in fields:
            raise _unreadable(f"「{visible(name.strip(), 40)}」が様式の項目で、一度だけ書かれていること")
        fields[key] = value.strip()
    return fields


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text[:_TIME_MAX])
    except ValueError:
        raise _unreadable("実施日時が ISO 8601 の時刻であること") from None


def _unreadable(expected: str) -> Unreadable:
    return Unreadable(
        f"消去申告書として読めません（必要な条件: {expected}）。様式のとおりに書いて登録し直してください。"
    )
