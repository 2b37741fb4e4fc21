"""What one function does alone, without servers: 160 labels on paper, and 10,000 applications allocated."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.donations.domain.allocation import allocate
from services.donations.domain.receipt import receipt_number
from services.tracking.labels import SIZES, Printed, sheet
from shared.events.donations import ApplicationReceived, CallOpened, Category, Machine
from shared.events.refurb import Spec
from shared.ids import new_label, new_token, uuid7
from shared.stack.stack import FONTS

AT = datetime(2026, 12, 1, tzinfo=UTC)
TIMES = 3
STOCK = 900  # machines, far fewer than are asked for


def labels_s(count: int) -> float:
    """Return how many s a sheet of so many labels takes, on the slowest of the papers, its fonts loaded."""

    def one(size: str) -> float:
        drawn = [Printed(new_label(), new_token(), "R01-0001 MN-3200") for _ in range(count)]
        return _best(lambda: sheet(drawn, origin="https://localhost:8443", town="最上町", fonts=FONTS, size=size))

    return max(one(size) for size in SIZES)


def allocation_s(applications: int) -> float:
    """Return how many s the allocation of so many applications takes, by order of arrival."""
    call = CallOpened(
        call=uuid7(),
        number="063622-2026-1",
        title="bench",
        rule="first-come",
        categories=(Category(code="hamlet", name="自治会", cap=2),),
        units=applications,
        item_kinds=("desktop",),
        spec=Spec(ssd_gb=480, memory_gb=8, os="Linux", office="LibreOffice", support_months=3),
        opens_at=AT,
        closes_at=AT + timedelta(days=14),
        consent="bench",
        consent_version="1",
        contact="bench",
    )
    queue = [
        ApplicationReceived(
            call=call.call,
            application=UUID(int=nth),
            receipt=receipt_number("063622", nth),
            category="hamlet",
            units=2,
            channel="web",
            arrived_at=AT + timedelta(minutes=nth % 600),
        )
        for nth in range(1, applications + 1)
    ]
    stock = [Machine(item=UUID(int=nth), label=f"D{nth:08d}", kind="desktop") for nth in range(STOCK)]
    return _best(lambda: allocate(call, queue, stock))


def _best(work: Callable[[], object]) -> float:
    took = []
    for _ in range(TIMES):
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)
    return min(took)
