"""`meguru recompute`: draws the re-check of an engagement again, without a server.

From the list that the server publishes it can only show that the draw follows from the list. With what `export` left it
believes no list: media, first erasures and looks that failed are taken out of the entries that the log's signed head
proves, and the list is held against them (`exported.py`). So whoever has the export draws the same five in a hundred.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from meguru.exported import Altered, NoExport, proved
from services.erasure.domain.draw import VERSION, draw
from services.erasure.domain.recheck import Look, Lot, lot

SAME, DIFFERENT, UNREADABLE = 0, 1, 2
FILE_SIZE_MAX = 64 * 1024 * 1024  # bytes: half a million media

_REGISTERED = "tracking.item-registered.v1"
_ERASED = "erasure.medium-erased.v1"
_LOOKED = "erasure.erasure-verified.v1"


@dataclass(frozen=True, slots=True)
class Published:
    """A list of `/api/erasure/draw`: what it says was drawn, by which seed, from what."""

    engagement: UUID
    population: Mapping[UUID, UUID]  # media, each with the entry of its first proved erasure
    failures: tuple[UUID, ...]
    seed: str
    drawn: tuple[UUID, ...]

    @classmethod
    def read(cls, path: Path) -> "Published":
        """Read a list. Raises OSError, ValueError, KeyError, TypeError, AttributeError or RecursionError."""
        with path.open("rb") as file:
            said = json.loads(file.read(FILE_SIZE_MAX))
        if said["version"] != VERSION:
            raise ValueError(said["version"])
        return cls(
            UUID(said["engagement"]),
            {UUID(medium): UUID(entry) for medium, entry in said["population"].items()},
            tuple(UUID(one) for one in said["failures"]),
            str(said["seed"]),
            tuple(UUID(one["medium"]) for one in said["drawn"]),
        )


def recompute(path: Path, log: Path | None = None, key: Path | None = None) -> tuple[int, str]:
    """Draw again from a published list, and from the log where it is given. Returns the exit code and a sentence."""
    try:
        said = Published.read(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as wrong:
        return UNREADABLE, (
            f"このファイルは再確認の一覧として読めません（{type(wrong).__name__}）。"
            "再確認のページから「計算に使う一覧（JSON）」を保存し直してください。 "
            "This file is no list of a re-check. Save it again from the page of the re-check."
        )
    again = draw(said.engagement, said.population, said.failures)
    if (again.seed, again.drawn) != (said.seed, said.drawn):
        return DIFFERENT, (
            f"一致しません。計算した種は {again.seed}、選ばれるのは {', '.join(map(str, again.drawn))} です。"
            "一覧が書き換えられていないか、出した人に確かめてください。 "
            "The draw differs from what the file says. Ask whoever gave it to you whether the list was changed."
        )
    if log is None:
        return SAME, (
            f"一致しました。{again.population} のうち {len(again.drawn)} が、同じ種から選ばれます。"
            "一覧そのものは確かめていません。ログと比べるには --log で書き出しのフォルダーを指定してください。 "
            f"The same {len(again.drawn)} of {again.population} media are drawn, by the same seed. The list itself was "
            "believed: name an export with --log to hold it against the log."
        )
    return _against(said, log, key)


def _against(said: Published, log: Path, key: Path | None) -> tuple[int, str]:
    """Hold a list against what the log's entries say."""
    try:
        size, entries = proved(log, (_REGISTERED, _ERASED, _LOOKED), key)
        of_log = lot_of(entries, said.engagement)
    except Altered as altered:
        return DIFFERENT, str(altered)
    except (NoExport, OSError, ValueError, KeyError, TypeError, IndexError, RecursionError) as wrong:
        return UNREADABLE, (
            f"{log} はログの書き出しとして読めません（{type(wrong).__name__}: {wrong}）。"
            "events.jsonl・events.salts・log のあるフォルダーを指定してください。 "
            f"{log} cannot be read as an export: name the folder with events.jsonl, events.salts and log."
        )
    drawn = of_log.draw
    if (drawn.seed, drawn.drawn) == (said.seed, said.drawn):
        return SAME, (
            f"ログ（{size} 件、署名を確認）から計算し直して、一致しました。"
            f"{drawn.population} のうち {len(drawn.drawn)} が選ばれます。 "
            f"Drawn again from the log's {size} proved entries: the same {len(drawn.drawn)} of {drawn.population}."
        )
    return DIFFERENT, (
        f"一致しません。ログ（{size} 件）から計算した種は {drawn.seed}、選ばれるのは "
        f"{', '.join(map(str, drawn.drawn)) or 'なし'} です。{_differing(said, of_log)}"
        "一覧と書き出しが同じ時点のものか確かめ、そうであれば、出した人に説明を求めてください。 "
        "The list is not what the log gives. Make sure that list and export are of the same moment; if they are, ask "
        "whoever gave them to you why."
    )


def lot_of(entries: Iterable[Mapping[str, Any]], engagement: UUID) -> Lot:
    """Return the lot of an engagement as the log's entries have it; only its draw and population are to be used."""
    media: set[UUID] = set()
    first: dict[UUID, tuple[int, UUID]] = {}
    looks: dict[UUID, list[tuple[int, Look]]] = {}
    for entry in entries:
        data = entry["data"]
        if entry["kind"] == _REGISTERED and UUID(data["engagement"]) == engagement:
            media.update(UUID(medium["id"]) for medium in data["media"])
        elif entry["kind"] == _ERASED:
            medium, this = UUID(data["medium"]), (int(entry["sequence"]), UUID(entry["id"]))
            first[medium] = min(this, first.get(medium, this))
        elif entry["kind"] == _LOOKED:
            medium = UUID(data["medium"])
            look = Look(UUID(entry["id"]), medium, bool(data["passed"]))
            looks.setdefault(medium, []).append((int(entry["sequence"]), look))
    done = [
        look for medium in sorted(media & looks.keys()) for _, look in sorted(looks[medium], key=lambda one: one[0])
    ]
    erased = {medium: entry for medium, (_, entry) in first.items() if medium in media}
    return lot(engagement, erased, done, proved=frozenset(), destroyed=frozenset())


def _differing(said: Published, of_log: Lot) -> str:
    """Name what the list has and the log has not, and the other way round."""
    listed, logged = set(said.population.items()), set(of_log.population.items())
    parts = (
        (len(listed - logged), "一覧にだけある媒体"),
        (len(logged - listed), "ログにだけある媒体"),
        (len(set(said.failures) ^ set(of_log.failures)), "食い違う不合格"),
    )
    return "".join(f"{what} {count}。" for count, what in parts if count)
