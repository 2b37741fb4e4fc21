"""The log's public keys as they are published: one a line, the end of each behind it; a line never goes.

example.jp/log+1a2b3c4d+A… until=1234 # retired 2027-01-05T00:00:00Z
example.jp/log+5e6f7a8b+A… # since 2026-12-20T00:00:00Z

A key with `until=N` signs heads of up to N entries. `verifier/keys.py` reads the same lines with code of its own.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.tracking.log.note import BadNote, Checkpoint, VerifierKey, open_note, split

_UNTIL = re.compile(r"until=(0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class LogKey:
    """A published key of a log, and the size of the largest head it may sign, if it has ended."""

    key: VerifierKey
    until: int | None = None
    revoked: bool = False  # a head carries no time: who has nothing else believes none with this signature alone

    def may_sign(self, head: Checkpoint) -> bool:
        """Whether it is a head of this key's log, and of a size that the key may sign."""
        return self.key.name == head.origin and self.covers(head.size)

    def covers(self, size: int) -> bool:
        """Whether a head of so many entries may be signed with it."""
        return self.until is None or size <= self.until


def parse(text: str) -> list[LogKey]:
    """Read the published lines in their order; words of others are theirs. Raises BadNote, for a misspelt end too."""
    found: dict[VerifierKey, LogKey] = {}
    for line in text.splitlines():
        if words := line.partition("#")[0].split():
            one = LogKey(VerifierKey.parse(words[0]), _until(words[1:]), any(map(_is_revocation, words[1:])))
            known = found.get(one.key, one)
            ends = [end for end in (one.until, known.until) if end is not None]
            found[one.key] = LogKey(one.key, min(ends, default=None), one.revoked or known.revoked)
    return list(found.values())


def _until(words: Sequence[str]) -> int | None:
    ends = [word for word in words if word.casefold().startswith("until")]
    if wrong := next((word for word in ends if not _UNTIL.fullmatch(word)), None):
        raise BadNote(f"{wrong!r} is no end of a key: write until=SIZE")
    return min((int(word.removeprefix("until=")) for word in ends), default=None)


def _is_revocation(word: str) -> bool:
    return word.casefold().startswith("revoked")


def ended(text: str, ends: Mapping[VerifierKey, int]) -> str:
    """Return the lines with these keys' ends said on them; what stands there already stays."""
    rows = []
    for line in text.splitlines():
        said, mark, remark = line.partition("#")
        words = said.split()
        end = ends.get(VerifierKey.parse(words[0])) if words else None
        tail = f" #{remark}" if mark else ""
        rows.append(line if end is None else f"{' '.join(words)} until={end}{tail}")
    return "".join(f"{row}\n" for row in rows)


def open_head(note: str, keys: Sequence[LogKey]) -> Checkpoint:
    """Return the head in a note that a key of its own log signed which covers its size. Raises BadNote."""
    head = Checkpoint.parse(split(note)[0])  # not believed yet: a key is chosen by it, then signs it
    return Checkpoint.parse(open_note(note, [one.key for one in keys if one.may_sign(head)]))
