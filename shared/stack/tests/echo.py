"""A stand-in upstream for the gateway's test: says what reached it, and knows one live session."""

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


app = Starlette(
    routes=[Route("/session/token", token), Route("/{path:path}", echo, methods=["GET", "POST", "PUT", "DELETE"])]
)
