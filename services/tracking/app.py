"""The top of tracking: its API and pages, and on one machine its life in the same process."""

from pathlib import Path

from services.tracking import api, pages
from services.tracking.worker import life
from shared.assembly import assemble

app = assemble(
    "tracking",
    title="Meguru tracking",
    life=life,
    routers=(api.router, pages.router),
    templates=Path(__file__).parent / "templates",
)
