"""Erasure's pages, a module each for what they are about; they share `desk` (which job is shown) and `posted`."""

from fastapi import APIRouter

from services.erasure.pages import desk, line, rechecks, sessions

router = APIRouter()
for _part in (rechecks, sessions, line, desk):
    router.include_router(_part.router)
