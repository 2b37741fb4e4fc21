"""Refurb's HTTP door: the centre's refurbisher works, both parties read the board, the counts and the balances."""

from fastapi import APIRouter

from services.refurb.api import consignments, figures, orders

router = APIRouter(prefix="/api/refurb", tags=["refurb"])
for part in (orders, consignments, figures):
    router.include_router(part.router)
