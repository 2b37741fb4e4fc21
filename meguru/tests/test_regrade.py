"""`meguru regrade` on a stack that runs: what it says, and that a second time finds nothing to record."""

from typing import Any

import pytest

from meguru.regrade import regrade, regrade_folder
from services.erasure.commands import reports
from services.erasure.commands.reports import Bound
from services.erasure.domain.grading import TABLE_CURRENT, TABLES
from services.erasure.domain.medium import Filing
from services.erasure.domain.technique import MediumKind, Technique
from services.erasure.reports.read import read
from services.erasure.tests.conftest import hear, item, parties, register
from services.erasure.tests.test_api import proof
from shared import blobs
from shared.events.erasure import Evidence
from shared.levels import Level
from shared.stack.stack import Stack
from shared.testing import TOWN, WORKER, service


async def test_the_command_grades_what_is_kept_and_counts_it(
    servers: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stricter: Any = {Technique.NVME_SANITIZE_BLOCK: dict.fromkeys(MediumKind, Level.CLEAR)}
    monkeypatch.setitem(TABLES, "test.2", {**TABLES[TABLE_CURRENT], **stricter})
    async with service(servers, "erasure") as made:
        await hear(made, *parties())
        it = await register(made, item("CLI1"))
        evidence = Evidence(sha256=await blobs.put(TOWN, proof("CLI1")), filename="s.json", tool="nvme-cli")
        (finding,) = read(proof("CLI1"), "s.json").findings
        async with made.acting(by=WORKER) as tx:
            await reports.record(tx, [Bound(it.media[0].id, finding, Filing(evidence, WORKER.person, "on-site", None))])
        counted = [await regrade(servers, "test.2") for _ in range(2)]
        assert [(one.media, one.recorded) for one in counted] == [(1, 1), (1, 0)]
        assert await regrade_folder(servers.folder) == 0  # back to today's table: the level differs again
        said = capsys.readouterr().out
        assert f"評価表 {TABLE_CURRENT}：別の表で評価された媒体 1、新しい評価を並べて記録 1" in said
        found = await made.rows("SELECT achieved FROM deeds WHERE medium = :m ORDER BY sequence", m=it.media[0].id)
        assert [row.achieved for row in found] == ["purge", "clear", "purge"]
