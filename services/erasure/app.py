"""The top of erasure: its API and pages, and on one machine its life in the same process."""

from pathlib import Path

from services.erasure import api, pages
from services.erasure.worker import life
from shared.assembly import assemble

app = assemble(
    "erasure",
    title="Meguru erasure",
    life=life,
    routers=(api.router, pages.router),
    templates=Path(__file__).parent / "templates",
)
