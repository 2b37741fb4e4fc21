"""Tracking's HTTP door. Each route says who, which transaction, which command, which answer."""

from fastapi import APIRouter

from services.tracking import sessions
from services.tracking.api import cages, differences, items, labels, log, lots, parties, scans

router = APIRouter()
router.include_router(sessions.router)
router.include_router(log.router)
for part in (parties, items, scans, labels, cages, differences, lots):
    router.include_router(part.router, prefix="/api/tracking", tags=["tracking"])
