"""`python -m verifier FILE… --key key.txt [--photo FILE…] [--json]`: 0 all true, 1 something false, 2 cannot read."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from verifier.keys import BadKeys, Keys
from verifier.verdict import TITLES, Unreadable, Verdict
from verifier.verification import verify

TRUE, FALSE, UNREADABLE = 0, 1, 2
MARKS = {"ok": "○", "failed": "×", "not-applicable": "－"}


def main(arguments: Sequence[str] | None = None, out: TextIO = sys.stdout) -> int:
    """Check the files named on the command line; return the exit code."""
    parser = argparse.ArgumentParser("verifier", description="証明書と台帳の証明を確かめます。 Verifies certificates.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="PDF, JSON, .tlog-proof")
    parser.add_argument("--key", type=Path, required=True, help="鍵の一覧 key.txt")
    parser.add_argument("--photo", type=Path, action="append", default=[], help="写真の原本 original photo")
    parser.add_argument("--json", action="store_true", help="機械向けに出力 machine-readable")
    given = parser.parse_args(arguments)
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)  # its tracebacks about broken files help nobody here
    try:
        keys = Keys.read(given.key)
    except (BadKeys, OSError, UnicodeDecodeError) as wrong:
        print(f"鍵の一覧が読めません。 The key file cannot be read: {wrong}", file=out)
        return UNREADABLE
    answers = [_answer(path, keys, given.photo) for path in given.files]
    if given.json:
        print(json.dumps([_plain(path, answer) for path, answer in answers], ensure_ascii=False, indent=1), file=out)
    else:
        print("\n\n".join(_told(path, answer) for path, answer in answers), file=out)
    return max(UNREADABLE if isinstance(answer, str) else TRUE if answer.ok else FALSE for _, answer in answers)


def _answer(path: Path, keys: Keys, photos: Sequence[Path]) -> tuple[Path, Verdict | str]:
    try:
        return path, verify(path, keys, photos)
    except (Unreadable, OSError) as wrong:
        return path, str(wrong)


def _plain(path: Path, answer: Verdict | str) -> dict[str, object]:
    if isinstance(answer, str):
        return {"file": str(path), "readable": False, "ok": False, "error": answer}
    return {**asdict(answer), "readable": True, "ok": answer.ok}


def _told(path: Path, answer: Verdict | str) -> str:
    if isinstance(answer, str):
        return f"{path}\n× 読めません。 Cannot be read. {answer}"
    head = (
        "正しい証明です。 True."
        if answer.ok
        else "正しくありません。信用しないでください。 NOT true: do not rely on it."
    )
    lines = [f"{path}　{answer.number or ''}", f"{MARKS['ok' if answer.ok else 'failed']} {head}"]
    for check in answer.checks:
        ja, en = TITLES[check.name]
        lines += [f"  {MARKS[check.status]} {ja} {en}: {check.ja}", f"      {check.en}"]
    lines += [
        f"    違うところ {one.ja} / {one.en}: ファイル file「{one.file}」 正しい内容 proved「{one.proved}」"
        for one in answer.differences
    ]
    if not answer.ok:
        lines += [f"    台帳の内容 {ja} / {en}: {value}" for ja, en, value in answer.proved]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
