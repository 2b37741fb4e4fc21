"""Donations' pages: the public's and the clerk's desk; they share `words` and `place`."""

from fastapi import APIRouter, Depends

from services.donations.pages import (
    counter,
    deciding,
    desk,
    letters,
    opening,
    own,
    personal,
    postal_codes,
    public,
    uses,
)
from shared.identity import principal

# The public reads these without signing in; a bearer token that is there still says whose page it is.
router = APIRouter(include_in_schema=False, dependencies=[Depends(principal)])
for _part in (own, public, postal_codes, opening, letters, desk, deciding, counter, uses, personal):
    router.include_router(_part.router)
