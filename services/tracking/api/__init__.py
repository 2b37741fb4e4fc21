"""Tracking's HTTP door. Each route says who, which transaction, which command, which answer."""

from fastapi import APIRouter

from services.tracking import sessions
from services.tracking.api import cages, differences, items, labels, log, lots, parties, scans

router = APIRouter()
for part in (scans, parties, items, labels, cages, differences, lots):  # routes are tried in this order
    router.include_router(part.router, prefix="/api/tracking", tags=["tracking"])
router.include_router(sessions.router)
router.include_router(log.router)
