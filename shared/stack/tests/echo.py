"""A stand-in upstream for the gateway's test: says what reached it, knows one live session, and lets it see traces."""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse(
        {
            "service": os.environ["ECHO"],
            "method": request.method,
            "path": request.url.path,
            "headers": dict(request.headers),
            "body": len(body),
        }
    )


async def token(request: Request) -> Response:
    live = request.cookies.get("__Host-session") == "live"
    return Response(headers={"Authorization": "Bearer of-the-session"} if live else {})


async def guard(request: Request) -> Response:
    if os.environ["ECHO"] != "tracking":
        return await echo(request)
    return Response(status_code=204 if request.headers.get("authorization") == "Bearer of-the-session" else 401)


app = Starlette(
    routes=[
        Route("/session/token", token),
        Route("/traces{rest:path}", guard),
        Route("/{path:path}", echo, methods=["GET", "POST", "PUT", "DELETE"]),
    ]
)
