"""Witnesses of the log: whose keys we know, and what each of them cosigned last.

A cosignature proves itself: whoever brings it may be anybody. What is kept is checked against the witness's key, and
against our own head of that size.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking.log.cosignature import WitnessKey, cosignatures
from services.tracking.log.note import BadNote, Checkpoint, split
from services.tracking.tables import cosignatures as kept
from shared.refused import Invalid, Refused, Unknown

log = logging.getLogger(__name__)

KEYS = "witnesses.vkeys"  # in the folder of keys, a line each; whoever runs the log decides who may witness it


def known(folder: Path) -> list[WitnessKey]:
    """Return the keys of the witnesses, none when nobody witnesses this log; a line that is no key goes to the log."""
    path = folder / KEYS
    found = []
    for line in path.read_text(encoding="utf-8-sig").splitlines() if path.exists() else []:
        if key := line.partition("#")[0].strip():
            try:
                found.append(WitnessKey.parse(key))
            except BadNote as wrong:
                log.error("passed over in %s: %s", path.name, wrong)  # noqa: TRY400 - the line says it all
    return found


async def keep(connection: AsyncConnection, note: str, keys: Sequence[WitnessKey], now: datetime) -> int:
    """Keep what witnesses cosigned of a head of ours; return how many lines were theirs.

    Raises Invalid for what is no head cosigned by a known witness, Unknown for a head that is not ours.
    """
    try:
        said, found = cosignatures(note, keys, now)
        head = Checkpoint.parse(said)
    except BadNote as wrong:
        raise Invalid(
            "bad-cosignature",
            "連署として読めないか、署名が合いません。立会者の鍵と、台帳の先頭を確かめてください。",
            f"This is no cosigned head: {wrong}. Check the witness's key and the log's head.",
            field="note",
        ) from wrong
    if not found:
        raise Refused(
            "unknown-witness",
            "登録された立会者の連署がありません。台帳の運用者に、公開鍵の登録を頼んでください。",
            "No registered witness has cosigned this. Ask the operator of the log to register your public key.",
        )
    ours = await connection.scalar(text("SELECT note FROM checkpoints WHERE size = :size"), {"size": head.size})
    if ours is None or split(ours)[0] != said:  # the very text: the line is shown under ours
        raise Unknown(
            "foreign-head",
            "この台帳の先頭ではありません。先頭を取り直してください。もしこの台帳が示したものなら、そのまま保管し、運用者以外にも知らせてください。",
            "This is no head of this log. Fetch it anew. If this log did show it, keep it and tell others, too.",
        )
    for one in found:
        row = {"witness": one.witness, "size": head.size, "at": one.at, "line": one.line}
        statement = insert(kept).values(row)
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=["witness"],
                set_=row,
                where=tuple_(kept.c.size, kept.c.at) < tuple_(statement.excluded.size, statement.excluded.at),
            )
        )
    return len(found)


async def seen(connection: AsyncConnection, keys: Sequence[WitnessKey]) -> Sequence[Row[Any]]:
    """Return of each of these witnesses the largest head it cosigned, the newest first."""
    asked = text("SELECT witness, size, at, line FROM cosignatures WHERE witness = ANY(:names) ORDER BY size DESC, at")
    return list(await connection.execute(asked, {"names": [key.name for key in keys]}))


async def witnessed(connection: AsyncConnection, keys: Sequence[WitnessKey]) -> str | None:
    """Return the largest head that one of these witnesses cosigned, with the lines of all that cosigned it."""
    rows = await seen(connection, keys)
    if not rows:
        return None
    note: str | None = await connection.scalar(
        text("SELECT note FROM checkpoints WHERE size = :size"), {"size": rows[0].size}
    )
    return note + "".join(row.line for row in rows if row.size == rows[0].size) if note else None
