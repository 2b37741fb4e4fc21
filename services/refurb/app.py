"""The top of refurb: its API and pages, and on one machine its life in the same process."""

from pathlib import Path

from services.refurb import api, pages
from services.refurb.worker import life
from shared.assembly import assemble

app = assemble(
    "refurb",
    title="Meguru refurb",
    life=life,
    routers=(api.router, pages.router),
    templates=Path(__file__).parent / "templates",
)
