"""Tracking's pages: which routers make them up. The rooms are `pages_*`, the words `pages_words`, the reads `reading`."""

from fastapi import APIRouter

from services.tracking import pages_dashboard, pages_items, pages_office, pages_public, pages_scans

router = APIRouter(include_in_schema=False)
for _part in (pages_public, pages_dashboard, pages_items, pages_scans, pages_office):
    router.include_router(_part.router)
