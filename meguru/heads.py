"""Heads of the log from outside the database: the one kept apart from it, and those that people saved."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.tracking.log import note
from services.tracking.log.keys import LogKey, open_head
from services.tracking.log.note import BadNote, Checkpoint


class BadHead(Exception):
    """The head somebody brought along cannot be used. Its text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A head that the log has to lead to, and whose it is, in both languages."""

    head: Checkpoint
    ja: str
    en: str

    def differs(self, size: int, root: bytes) -> tuple[str, str] | None:
        """Say what is wrong when the log's first `size` entries have this root; of another size nothing is known."""
        if self.head.size != size or self.head.root == root:
            return None
        return (
            f"ログの初めの{size}件が、{self.ja}の{size}件ではありません。別の歴史に替えられています。",
            f"The log's first {size} entries are not those of {self.en}: another history was put there.",
        )

    def exceeds(self, size: int) -> tuple[str, str] | None:
        """Say what is wrong when the whole log has only `size` entries."""
        if self.head.size <= size:
            return None
        return (
            f"ログは{size}件で、{self.ja}（{self.head.size}件）より短くなっています。古い状態に戻されています。",
            f"The log has {size} entries, {self.en} {self.head.size}: an older state was put back.",
        )


def kept_apart(content: bytes | None) -> Brought:
    """Read the head the sequencer keeps apart from the database. Raises BadHead when there is none to be read."""
    if content is None:
        raise BadHead(
            "データベースと別に保管する先頭がありません。戻されたかどうかを確かめられません。",
            "No head is kept apart from the database: whether it was put back cannot be told.",
        )
    try:
        head = Checkpoint.parse(note.split(content.decode())[0])
    except (BadNote, UnicodeDecodeError) as broken:
        raise BadHead(
            "データベースと別に保管した先頭が読めません。",
            f"The head kept apart from the database cannot be read: {broken}.",
        ) from broken
    return Brought(head, "データベースと別に保管した先頭", "the head kept apart")


def brought_by(file: Path, keys: Sequence[LogKey]) -> Brought:
    """Read a head that somebody has from this log, of whatever day: what `/log/checkpoint` gave. Raises BadHead."""
    try:
        head = open_head(file.read_text(encoding="utf-8"), keys)
    except (BadNote, UnicodeDecodeError) as wrong:
        log = keys[-1].key.name
        raise BadHead(
            f"{file} は、このログ（{log}）が署名した先頭ではありません。"
            "/log/checkpoint から取ったものを指定してください。"
            f" {file} is no head that the log {log} has signed ({wrong}): give one that came from /log/checkpoint."
        ) from wrong
    return Brought(head, f"先頭 {file.name}", f"the head {file.name}")
