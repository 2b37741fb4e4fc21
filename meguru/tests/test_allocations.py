"""`meguru recompute` of a call's log: a stranger allocates again from the published file alone."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from meguru.allocations import DIFFERENT, SAME, UNREADABLE
from meguru.cli import app
from services.donations.domain.allocation import allocate
from services.donations.domain.record import Inputs, publish
from shared.events.donations import ApplicationReceived, CallClosed, CallOpened, Category, Machine
from shared.events.refurb import Spec
from shared.testing import NOW, Growing

SPEC = Spec(os="Windows 11", ssd_gb=240, memory_gb=8, office="WPS", support_months=3)


def published() -> Any:
    """What `/calls/<number>/log.json` gives."""
    call = CallOpened(
        call=UUID(int=1),
        number="063622-2026-1",
        title="公募",
        rule="first-come",
        item_kinds=("desktop",),
        units=3,
        categories=(Category(code="hamlet", name="集落", cap=2),),
        opens_at=NOW,
        closes_at=NOW + timedelta(days=1),
        spec=SPEC,
        consent="取材",
        consent_version="1",
        contact="役場",
    )
    queue = [
        ApplicationReceived(
            call=call.call,
            application=UUID(int=n),
            receipt=f"063622-{n:04d}",
            category="hamlet",
            units=2,
            channel="web",
            arrived_at=NOW + timedelta(minutes=n),
        )
        for n in range(1, 4)
    ]
    stock = [Machine(item=UUID(int=100 + n), label=f"D{n:08d}", kind="desktop") for n in range(5)]
    stream = Growing()
    for event in (call, CallClosed(call=call.call, number=call.number), allocate(call, queue, stock)):
        stream.add(event)
    recorded = {each.receipt: each.arrived_at for each in queue}
    return json.loads(json.dumps(publish(stream.entries, Inputs(queue, recorded, frozenset(), stock))))


def changed(**given: Any) -> Any:
    """Return the log with its last step changed."""
    document = published()
    document["steps"][-1] |= given
    return document


def named(count: int) -> Any:
    """Return the log whose closing names the first machines of the stock, as a lottery's does."""
    document = published()
    document["steps"][0]["stock"] = document["steps"][-1]["stock"][:count]
    return document


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (published(), SAME),
        (named(5), SAME),
        (named(4), DIFFERENT),
        (changed(waiting=[]), DIFFERENT),
        (changed(grants=[]), DIFFERENT),
        (changed(stock=[]), DIFFERENT),
        (changed(queue=[{"receipt": "063622-0001"}]), UNREADABLE),
        (changed(step="guessed"), UNREADABLE),
        (published() | {"steps": 7}, UNREADABLE),
        (published() | {"format": "meguru-allocation-log-9"}, UNREADABLE),
    ],
)
def test_the_log_alone_gives_the_same_allocation_or_says_what_differs(tmp_path: Path, document: Any, code: int) -> None:
    file = tmp_path / "log.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    said = CliRunner().invoke(app, ["recompute", str(file)])
    assert said.exit_code == code, said.output
    assert "。" in said.output
    for_machines = CliRunner().invoke(app, ["recompute", str(file), "--json"])
    assert for_machines.exit_code == code
    facts = json.loads(for_machines.stdout)
    assert facts["readable"] is (code != UNREADABLE)
    if code == SAME:
        assert {receipt: len(items) for receipt, items in facts["held"].items()} == {"063622-0001": 2, "063622-0002": 1}
        assert facts["waiting"] == ["063622-0002", "063622-0003"]
    if code == DIFFERENT:
        assert facts["differences"]
