"""The word that something new was recorded about a town, to whoever has a page of it open (server-sent events)."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from shared.door import TheDoor
from shared.identity import SignedIn
from shared.live import Live
from shared.refused import Unready

router = APIRouter(include_in_schema=False)

COME_AGAIN_MS = 3000


async def watched(
    request: Request, door: TheDoor, who: SignedIn, town: Annotated[str, Path(max_length=64)]
) -> AsyncIterator[None]:
    """Return the words about a town to one of its people, or of a centre or carrier that acts for it.

    Raises Forbidden, Unready when too many pages are open.
    """
    async with door.look(town, who):
        live: Live = request.app.state.live
    if live.is_full:
        raise Unready
    return live.changes(town)


@router.get("/live/{town}", response_class=EventSourceResponse)
async def words(changes: Annotated[AsyncIterator[None], Depends(watched)]) -> AsyncIterator[ServerSentEvent]:
    """Say "changed", and nothing else, as often as there is something new; the page asks again by itself."""
    yield ServerSentEvent(retry=COME_AGAIN_MS, comment="open")
    async for _ in changes:
        yield ServerSentEvent(event="changed", raw_data="")
