"""`meguru recompute` of an allocation's log: the rules of donations run again on the file alone, without a server."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from services.donations.domain.record import FORMAT, recompute
from services.tracking.log.keys import LogKey, open_head
from services.tracking.log.note import BadNote

SAME, DIFFERENT, UNREADABLE = 0, 1, 2
FILE_SIZE_MAX = 64 * 1024 * 1024  # bytes: a hundred thousand applications


_UNHELD = (
    "\n抽選の種がログから来たことは、ログの鍵と照らしていません。--key で公開された鍵を指定してください。"
    " That the seed came from the log was not held against the log's key: name the published key with --key."
)


class Verdict(NamedTuple):
    """An exit code, a sentence in both languages, and the same for machines."""

    code: int
    sentence: str
    facts: dict[str, Any]


def recompute_file(path: Path, keys: Sequence[LogKey] | None = None) -> Verdict | None:
    """Do an allocation again from its log. Returns None for a file that is no such log and may be another list.

    `keys` are the transparency log's: the heads that a lottery's seeds follow from must carry its signature. Without
    them the file vouches for its own heads, and the sentence says so.
    """
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(FILE_SIZE_MAX))
        if not str(document["format"]).startswith(FORMAT.rstrip("0123456789")):
            return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    try:
        done = recompute(document)
        unsigned = _unsigned(document, keys)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as wrong:
        sentence = (
            f"このファイルは割り当ての記録として読めません（{type(wrong).__name__}）。"
            "寄贈の記録のページから「計算し直すための記録（JSON）」を保存し直してください。 "
            "This file is no log of an allocation. Save it again from the page of the record."
        )
        return Verdict(UNREADABLE, sentence, {"readable": False})
    differences = [*done.differences, *unsigned]
    facts = {
        "readable": True,
        "call": done.number,
        "rule": done.rule,
        "same": not differences,
        "heads_checked": keys is not None,
        "held": {receipt: list(items) for receipt, items in done.held.items()},
        "waiting": list(done.waiting),
        "differences": differences,
    }
    units = sum(map(len, done.held.values()))
    if not differences:
        drawn = done.rule == "lottery" and keys is None
        sentence = (
            f"一致しました。公募 {done.number}（{done.rule}）："
            f"{len(done.held)} 団体に {units} 台、待ち {len(done.waiting)} 団体。 "
            f"The same: {len(done.held)} groups hold {units} machines, {len(done.waiting)} wait."
            f"{_UNHELD if drawn else ''}"
        )
        return Verdict(SAME, sentence, facts)
    sentence = (
        f"一致しません（公募 {done.number}）。記録が書き換えられていないか、町に確かめてください。 "
        "The log differs from doing it again. Ask the town whether it was changed.\n"
        + "\n".join(f"  {each}" for each in differences)
    )
    return Verdict(DIFFERENT, sentence, facts)


def _unsigned(document: Mapping[str, Any], keys: Sequence[LogKey] | None) -> list[str]:
    """Name the draws whose head the log did not sign."""
    found = []
    for nth, step in enumerate(document["steps"] if keys is not None else (), 1):
        if step["step"] == "drawn":
            try:
                open_head(step["checkpoint"], keys or ())
            except BadNote as wrong:
                found.append(f"step {nth}: the head that the seed follows from is not the log's: {wrong}")
    return found
