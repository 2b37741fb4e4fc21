"""Refurb's pages: the board and the orders on it, and what went to material."""

from fastapi import APIRouter

from services.refurb.pages import consignments, figures, orders, plans

router = APIRouter(include_in_schema=False)
for part in (consignments, figures, plans, orders):
    router.include_router(part.router)
