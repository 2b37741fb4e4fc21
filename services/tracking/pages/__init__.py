"""Tracking's pages, a module each for what they are about; they share `words`, `lines`, `place` and `asked`.

`public` is apart: it is asked most, and routes are tried in order.
"""

from fastapi import APIRouter

from services.tracking.pages import (
    cages,
    dashboard,
    differences,
    engagements,
    inventory,
    items,
    labels,
    live,
    losses,
    lots,
    office,
    requirements,
    rolls,
    scans,
)

router = APIRouter(include_in_schema=False)
for _part in (
    dashboard,
    differences,
    losses,
    lots,
    items,
    scans,
    cages,
    inventory,
    labels,
    rolls,
    engagements,
    requirements,
    office,
    live,
):
    router.include_router(_part.router)
