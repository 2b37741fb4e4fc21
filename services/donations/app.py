"""The top of donations: its API and pages, and on one machine its life in the same process."""

from pathlib import Path

from services.donations import api, pages
from services.donations.worker import life
from shared.assembly import assemble

app = assemble(
    "donations",
    title="Meguru donations",
    life=life,
    routers=(api.router, pages.router),
    templates=Path(__file__).parent / "templates",
)
