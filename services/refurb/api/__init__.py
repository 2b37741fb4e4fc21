"""Refurb's HTTP door: the centre's refurbisher works, both parties read the board, the counts and the balances."""

from fastapi import APIRouter

from services.refurb.api import consignments, figures, orders, plans

router = APIRouter(prefix="/api/refurb", tags=["refurb"])
for part in (orders, plans, consignments, figures):
    router.include_router(part.router)
