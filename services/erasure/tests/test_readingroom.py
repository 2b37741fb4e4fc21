"""A process apart reads as the readers do, and one that falls costs one file."""

from collections.abc import AsyncIterator

import pytest

from services.erasure import readingroom
from services.erasure.readingroom import read_apart
from services.erasure.reports.read import Report, Unreadable, read
from services.erasure.reports.text import CONTENT_MAX
from services.erasure.tests.mutations import Case, cases
from shared import annex
from shared.annex import Annex

CASES = cases()


@pytest.fixture(autouse=True)
async def closed() -> AsyncIterator[None]:
    yield
    await annex.close()


async def what(content: bytes) -> Report | str:
    try:
        return await read_apart(content, "報告.txt")
    except Unreadable as wrong:
        return str(wrong)


def what_here(content: bytes) -> Report | str:
    try:
        return read(content, "報告.txt")
    except Unreadable as wrong:
        return str(wrong)


async def test_what_is_read_apart_is_what_the_reader_says() -> None:
    assert CASES
    for case in CASES:
        for content in (case.content, case.content[: len(case.content) // 2]):
            assert await what(content) == what_here(content), case.name
    for content in (b"", b"nothing known", b"\xff" * 100, b"x" * (CONTENT_MAX + 1), b"[" * 100_000):
        assert await what(content) == what_here(content)


async def test_a_process_that_falls_is_an_answer_and_the_next_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    case: Case = next(one for one in CASES if one.truth)
    falls = Annex(("calendar",))  # it answers no job
    with monkeypatch.context() as patch:
        patch.setattr(annex, "room", lambda *_, **__: falls)
        with pytest.raises(Unreadable, match="時間かメモリがかかりすぎる"):
            await read_apart(case.content, "report.txt")
    await falls.close()
    assert (await read_apart(case.content, "report.txt")).findings


def test_the_bounds_are_those_of_one_file() -> None:
    assert readingroom.CPU_MAX_S <= 2
    assert readingroom.DATA_MAX <= 300 * 1024 * 1024
