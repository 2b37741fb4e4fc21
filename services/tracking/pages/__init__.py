"""Tracking's pages, a module each for what they are about; they share `words`, `lines`, `place` and `asked`."""

from fastapi import APIRouter

from services.tracking.pages import dashboard, engagements, inventory, items, office, public, scans

router = APIRouter(include_in_schema=False)
for _part in (public, dashboard, items, scans, inventory, engagements, office):
    router.include_router(_part.router)
