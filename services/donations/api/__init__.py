"""Donations' HTTP door: its routes. The public acts through a call's number; whose it is, a look-up says."""

from fastapi import APIRouter

from services.donations.api import applications, calls

router = APIRouter(prefix="/api/donations", tags=["donations"])
for _part in (calls, applications):
    router.include_router(_part.router)
