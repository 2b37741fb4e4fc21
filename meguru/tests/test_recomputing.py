"""`meguru recompute`: a stranger draws the re-check again from the published list alone."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from meguru.cli import app
from meguru.recomputing import DIFFERENT, SAME, UNREADABLE
from services.erasure.domain.draw import VERSION, draw

ENGAGEMENT, FAILURES = UUID(int=7), [UUID(int=9)]
POPULATION = {UUID(int=n): UUID(int=n + 1000) for n in range(1, 42)}


def published(**changed: Any) -> bytes:
    """What `/api/erasure/draw` answers."""
    drawn = draw(ENGAGEMENT, POPULATION, FAILURES)
    return json.dumps(
        {
            "version": VERSION,
            "engagement": str(ENGAGEMENT),
            "population": {str(medium): str(entry) for medium, entry in POPULATION.items()},
            "failures": [str(one) for one in FAILURES],
            "seed": drawn.seed,
            "drawn": [{"medium": str(one), "label": "-"} for one in drawn.drawn],
        }
        | changed
    ).encode()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (published(), SAME),
        (published(failures=[]), DIFFERENT),
        (published(seed="00" * 32), DIFFERENT),
        (published(drawn=[{"medium": str(UUID(int=1))}] * 3), DIFFERENT),
        (published(engagement=str(UUID(int=8))), DIFFERENT),
        (published(version="meguru-draw-0"), UNREADABLE),
        (published(population=[]), UNREADABLE),
        (published(drawn=[{"medium": "1"}]), UNREADABLE),
        (b"{", UNREADABLE),
        (b"[]", UNREADABLE),
        (b"[" * 100_000, UNREADABLE),
        (b"\xff\xfe\x00", UNREADABLE),
    ],
)
def test_the_list_alone_gives_the_same_draw_or_says_that_it_does_not(tmp_path: Path, content: bytes, code: int) -> None:
    file = tmp_path / "draw.json"
    file.write_bytes(content)
    said = CliRunner().invoke(app, ["recompute", str(file)])
    assert said.exit_code == code, said.output
    assert "。" in said.output
    assert CliRunner().invoke(app, ["recompute", str(tmp_path / "none")]).exit_code == UNREADABLE
