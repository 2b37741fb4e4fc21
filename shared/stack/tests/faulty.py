"""A stand-in service for the gateway's test, made as ours are made: one route breaks, one reads what it is sent."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.web.recipe import create_app


async def crash(_request: Request) -> Response:
    raise RuntimeError("a fault of ours")


async def take(request: Request) -> Response:
    return JSONResponse({"body": len(await request.body())})


app = create_app("refurb", lifespan=None, title="Faulty")
app.add_route("/api/refurb/crash", crash, ["GET", "POST"])
app.add_route("/api/refurb/take", take, ["POST"])
app.add_route("/refurb/take", take, ["POST"])
