"""A small cut of what `make bench-long` imports: every file of the tools is graded for its medium, within the pace."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.importing import FILES_MAX_S, imported, reports
from bench.world import Town, town
from meguru.founding import PREPARE
from shared.stack.stack import Stack

FILES = 200


@pytest.fixture(scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Stack, Town]]:
    folder: Path = tmp_path_factory.mktemp("importing")
    async with Stack(folder / "stack", prepare=PREPARE, development_login=True) as stack:
        yield stack, await town(stack, folder, FILES)


async def test_files_dropped_in_by_the_hundred_are_graded_at_the_pace_of_ten_thousand_a_minute(
    made: tuple[Stack, Town],
) -> None:
    stack, where = made
    took = await imported(where, stack, reports(FILES))
    assert took.files == FILES
    assert took.seconds < 5 * FILES_MAX_S * FILES / 10_000, "five times the pace: machines that run tests are shared"
