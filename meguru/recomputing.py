"""`meguru recompute`: draws the re-check of an engagement again from what is published, without a server."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from services.erasure.domain.draw import VERSION, draw

SAME, DIFFERENT, UNREADABLE = 0, 1, 2
FILE_SIZE_MAX = 64 * 1024 * 1024  # bytes: half a million media


def recompute(path: Path) -> tuple[int, str]:
    """Draw again from a file of `/api/erasure/draw`. Returns the exit code and a sentence in both languages."""
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(FILE_SIZE_MAX))
        again = _again(said)
        drawn = [UUID(one["medium"]) for one in said["drawn"]]
        seed = str(said["seed"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as wrong:
        return UNREADABLE, (
            f"このファイルは再確認の一覧として読めません（{type(wrong).__name__}）。"
            "再確認のページから「計算に使う一覧（JSON）」を保存し直してください。 "
            "This file is no list of a re-check. Save it again from the page of the re-check."
        )
    if (again.seed, list(again.drawn)) == (seed, drawn):
        return SAME, (
            f"一致しました。{again.population} のうち {len(drawn)} が、同じ種から選ばれます。 "
            f"The same {len(drawn)} of {again.population} media are drawn, by the same seed."
        )
    return DIFFERENT, (
        f"一致しません。計算した種は {again.seed}、選ばれるのは {', '.join(map(str, again.drawn))} です。"
        "一覧が書き換えられていないか、出した人に確かめてください。 "
        "The draw differs from what the file says. Ask whoever gave it to you whether the list was changed."
    )


def _again(said: Mapping[str, Any]) -> Any:
    if said["version"] != VERSION:
        raise ValueError(said["version"])
    population = {UUID(medium): UUID(entry) for medium, entry in said["population"].items()}
    return draw(UUID(said["engagement"]), population, [UUID(one) for one in said["failures"]])
