"""The top of tracking: its API and pages, and on one machine its life in the same process."""

from pathlib import Path

from services.tracking import api, pages, sessions
from services.tracking.pages import public
from services.tracking.worker import life
from shared.assembly import assemble

app = assemble(
    "tracking",
    title="Meguru tracking",
    life=life,
    routers=(public.router, api.router, pages.router),
    templates=Path(__file__).parent / "templates",
)
app.state.sessions = sessions.holder
