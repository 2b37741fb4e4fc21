"""The top of erasure: its API and pages, and on one machine its life in the same process."""

from pathlib import Path

from services.erasure import api, line, pages, rechecks, sessions
from services.erasure.worker import life
from shared.assembly import assemble

app = assemble(
    "erasure",
    title="Meguru erasure",
    life=life,
    routers=(rechecks.router, sessions.router, api.router, line.router, pages.router),
    templates=Path(__file__).parent / "templates",
)
