"""Tracking's pages: the routers that make them up. The rooms are `pages_*`, their words `pages_words`."""

from fastapi import APIRouter

from services.tracking import pages_dashboard, pages_items, pages_office, pages_public, pages_scans

router = APIRouter(include_in_schema=False)
for _part in (pages_public, pages_dashboard, pages_items, pages_scans, pages_office):
    router.include_router(_part.router)
