"""`python -m verifier FILE… --key key.txt [--photo FILE…] [--revoked LIST]`: 0 true, 1 false, 2 cannot be read.

`--into FOLDER` keeps a bundle of which everything is true.
"""

import argparse
import io
import json
import logging
import sys
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from verifier.bundle import is_bundle, verify_bundle
from verifier.keeping import LIST, is_intact, keep
from verifier.keys import BadKeys, Keys
from verifier.revocation_list import Revocations
from verifier.verdict import TITLES, Unreadable, Verdict
from verifier.verification import verify

TRUE, FALSE, UNREADABLE = 0, 1, 2
STRIPPED = (
    "署名が失われたPDFです。紙面は証明になりませんが、中の証明は本物です。下の「台帳の内容」を使ってください。"
    " The PDF lost its signature: its page proves nothing, the certificate inside is true. Use what the log says below."
)
MEMORY_MAX = 512 * 1024**2  # bytes; a certificate takes a tenth
STANDING_MARKS = {"stands": "○", "outdated": "！", "revoked": "×", "unknown": "！"}
MARKS = {"ok": "○", "failed": "×", "lost": "△", "not-applicable": "－"}


def main(arguments: Sequence[str] | None = None, out: TextIO = sys.stdout) -> int:
    """Check the files named on the command line; return the exit code."""
    parser = argparse.ArgumentParser("verifier", description="証明書と台帳の証明を確かめます。 Verifies certificates.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="PDF, JSON, .tlog-proof, .zip")
    parser.add_argument("--key", type=Path, required=True, help="鍵の一覧 key.txt")
    parser.add_argument("--photo", type=Path, action="append", default=[], help="写真の原本 original photo")
    parser.add_argument("--revoked", type=Path, metavar="LIST", help="取り消しの一覧 signed list of revocations")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="正しい束をここに保管 keep a true bundle here")
    parser.add_argument("--json", action="store_true", help="機械向けに出力 machine-readable")
    given = parser.parse_args(arguments)
    if isinstance(out, io.TextIOWrapper):  # a terminal of another character set shows what it can
        out.reconfigure(errors="backslashreplace")
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)  # its tracebacks about broken files help nobody here
    try:
        keys = Keys.read(given.key)
    except (BadKeys, OSError, UnicodeDecodeError) as wrong:
        print(f"鍵の一覧が読めません。 The key file cannot be read: {wrong}", file=out)
        return UNREADABLE
    try:
        revocations = _revocations(given.revoked, keys)
    except (Unreadable, OSError) as wrong:
        print(f"取り消しの一覧が読めません。 The list of revocations cannot be read: {wrong}", file=out)
        return UNREADABLE
    if revocations and revocations.warning and not given.json:
        print(f"！ {' '.join(revocations.warning)}\n", file=out)
    plain: list[dict[str, object]] = []
    worst = max(_file(path, given, (keys, revocations), plain, out) for path in given.files)
    if given.json:
        print(json.dumps(plain, ensure_ascii=False, indent=1), file=out)
    return worst


def _file(
    path: Path,
    given: argparse.Namespace,
    by: tuple[Keys, Revocations | None],
    plain: list[dict[str, object]],
    out: TextIO,
) -> int:
    """Check one file and say what came out, or add it to `plain`; return its exit code."""
    worst, held, intact = TRUE, 0, dict[str, Verdict]()
    for name, answer in _answers(path, by[0], given.photo, by[1]):
        worst = max(worst, UNREADABLE if isinstance(answer, str) else TRUE if answer.ok else FALSE)
        held += 1
        if isinstance(answer, Verdict) and is_intact(answer):
            intact[name.partition("!")[2]] = answer
        if given.json:
            plain.append(_plain(name, answer))
        elif held == 1 or isinstance(answer, str) or not answer.ok:  # of a bundle: itself, and what is not true
            print(f"{_told(name, answer)}\n", file=out)
    said = ""
    if held > 1:
        said = f"束の中の証明書 {held - 1} 通を調べました。 {held - 1} certificate(s) in it were checked."
    if given.into:
        kept, how = _kept(path, given.into, intact, held)
        worst = max(worst, TRUE if kept else UNREADABLE if worst == TRUE else worst)
        said = "\n".join(filter(None, (said, how)))
        plain.append({"file": str(path), "kept": kept})
    if said and not given.json:
        print(f"{path}　{said}", file=out)
    return worst


def _kept(path: Path, folder: Path, intact: Mapping[str, Verdict], held: int) -> tuple[str | None, str]:
    """Keep a bundle of which everything is intact. Returns where, or None, and what to say."""
    if "" not in intact or len(intact) != held or not is_bundle(path):
        return (
            None,
            "保管しません。保管するのは、すべて正しい束（zip）だけです。 Not kept: only bundles that are all true are.",
        )
    try:
        kept = keep(path, folder, intact, datetime.now(UTC))
    except (Unreadable, OSError, ValueError, zipfile.BadZipFile) as wrong:
        return None, f"保管できません。 It could not be kept: {wrong}"
    return str(kept), f"{kept} に保管しました。一覧は {folder / LIST} です。 Kept; the list is {folder / LIST}."


def _revocations(path: Path | None, keys: Keys) -> Revocations | None:
    return Revocations.parse(path.read_bytes(), keys, datetime.now(UTC)) if path else None


def _answers(
    path: Path, keys: Keys, photos: Sequence[Path], revocations: Revocations | None
) -> Iterator[tuple[str, Verdict | str]]:
    try:
        if is_bundle(path):
            for name, answer in verify_bundle(path, keys, revocations):
                yield name, str(answer) if isinstance(answer, Unreadable) else answer
        else:
            yield str(path), verify(path, keys, photos, revocations)
    except (Unreadable, OSError) as wrong:
        yield str(path), str(wrong)
    except MemoryError:
        yield str(path), "開くのにメモリがかかりすぎます。 It takes too much memory to open."


def _bound() -> None:
    """Let a file that unpacks to gigabytes fail here, not the machine; where the system has no such bound, go on."""
    try:
        import resource
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    bound = MEMORY_MAX if most == resource.RLIM_INFINITY else min(MEMORY_MAX, most)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, most))


def _plain(path: str, answer: Verdict | str) -> dict[str, object]:
    if isinstance(answer, str):
        return {"file": path, "readable": False, "ok": False, "error": answer}
    return {**asdict(answer), "readable": True, "ok": answer.ok, "stripped": answer.stripped}


def _told(path: str, answer: Verdict | str) -> str:
    if isinstance(answer, str):
        return f"{_visible(path)}\n× 読めません。 Cannot be read. {_visible(answer)}"
    revoked = answer.standing is not None and answer.standing.state == "revoked"
    intact = all(check.status != "failed" for check in answer.checks)
    unsure = answer.standing is not None and answer.standing.state == "unknown"
    head = (
        "正しい証明です。ただし、いまも有効かは分かりません。 True, but whether it still stands is not known."
        if answer.ok and unsure
        else "正しい証明です。 True."
        if answer.ok
        else "取り消された証明です。使わないでください。 REVOKED: do not use it."
        if revoked and intact
        else STRIPPED
        if answer.stripped
        else "正しくありません。信用しないでください。 NOT true: do not rely on it."
    )
    lines = [
        f"{path}　{answer.number or ''}",
        f"{MARKS['ok' if answer.ok else 'lost' if answer.stripped else 'failed']} {head}",
    ]
    for check in answer.checks:
        ja, en = TITLES[check.name]
        lines += [f"  {MARKS[check.status]} {ja} {en}: {check.ja}", f"      {check.en}"]
    if answer.standing:
        mark = STANDING_MARKS[answer.standing.state]
        lines += [f"  {mark} 取り消し Revocation: {answer.standing.ja}", f"      {answer.standing.en}"]
    lines += [
        f"    違うところ {one.ja} / {one.en}: ファイル file「{one.file}」 正しい内容 proved「{one.proved}」"
        for one in answer.differences
    ]
    if not intact or answer.stripped:
        lines += [f"    台帳の内容 {ja} / {en}: {value}" for ja, en, value in answer.proved]
    return "\n".join(map(_visible, lines))


def _visible(line: str) -> str:
    """Write out what would steer a terminal: a file may hold a line of its own, or a code that hides the next."""
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "".join(f"\\u{ord(one):04x}" if unicodedata.category(one) in hidden else one for one in line)


if __name__ == "__main__":
    _bound()
    sys.exit(main())
