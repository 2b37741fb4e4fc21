"""Tracking's pages, a module each for what they are about; they share `words`, `lines`, `place` and `asked`."""

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
    public,
    rolls,
    scans,
)

router = APIRouter(include_in_schema=False)
for _part in (
    public,
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
    office,
    live,
):
    router.include_router(_part.router)
