"""The top of certificates: its API and pages, and on one machine its life in the same process."""

from pathlib import Path

from services.certificates import api, bundles, deadlines, files, pages
from services.certificates.worker import life
from shared.assembly import assemble

app = assemble(
    "certificates",
    title="Meguru certificates",
    life=life,
    routers=(bundles.router, api.router, deadlines.router, files.router, pages.router),
    templates=Path(__file__).parent / "templates",
)
