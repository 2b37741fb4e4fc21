from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, UploadFile
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from shared.ids import parse_label
from shared.refused import Forbidden, Invalid, Refused, Reused, SignIn, Unknown
from shared.web.pages import render
from shared.web.problems import MEDIA_TYPE
from shared.web.recipe import create_app
from shared.web.tests.conftest import Opening

PAGE = {"accept": "text/html,application/xhtml+xml"}
SECRET = "s3cret-値"


class Scan(BaseModel):
    model_config = ConfigDict(extra="forbid")

    label: str = Field(max_length=20)
    at: datetime

    @field_validator("label")
    @classmethod
    def read(cls, text: str) -> str:
        return parse_label(text).id


REFUSALS = {
    "refused": Refused("seal-broken", "封印が切れています。", "The seal is broken.", missing=("必要",), cage=6),
    "unknown": Unknown(),
    "sign-in": SignIn(),
    "forbidden": Forbidden(),
    "invalid": Invalid(),
    "reused": Reused(),
}


def made(**how: object) -> FastAPI:
    app = create_app("sample", lifespan=None, title="Sample", **how)  # type: ignore[arg-type]  # each test gives its own

    @app.post("/api/sample/scans", status_code=201)
    async def record(scan: Scan) -> dict[str, str]:
        return {"label": scan.label}

    @app.post("/api/sample/files", status_code=201)
    async def keep(file: UploadFile) -> dict[str, int]:
        return {"bytes": len(await file.read())}

    @app.get("/api/sample/refusals/{kind}")
    async def refuse(kind: str) -> None:
        raise REFUSALS[kind]

    @app.get("/api/sample/crash")
    async def crash() -> None:
        raise RuntimeError(SECRET)

    async def page(request: Request) -> Response:
        if request.url.path == "/crash":
            raise RuntimeError(SECRET)
        if request.url.path == "/refused":
            raise REFUSALS["refused"]
        return render(request, "signin.html", form=None, ways=[], action="/signin", next="/")

    for path in ("/page", "/crash", "/refused"):
        app.add_route(path, page)
    return app


async def test_every_api_error_is_a_problem_document(opened: Opening) -> None:
    json = {"content-type": "application/json"}
    async with opened(made(body_max=1000)) as client:
        answers = {
            404: await client.get("/api/nowhere", headers=PAGE),
            405: await client.put("/api/sample/scans", headers=PAGE),
            413: await client.post("/api/sample/scans", content=b"x" * 1001, headers=json),
            415: await client.post("/api/sample/scans", content=b"<x/>", headers={"content-type": "text/xml"}),
            422: await client.post("/api/sample/scans", json={"label": SECRET, SECRET: 1}),
            500: await client.get("/api/sample/crash", headers=PAGE),
        }
    for status, answered in answers.items():
        assert answered.status_code == status
        assert answered.headers["content-type"] == MEDIA_TYPE
        body = answered.json()
        assert body["status"] == status
        assert body["type"] == f"urn:meguru:problem:{body['code']}"
        assert body["detail"].count("。") >= 2
        assert "s3cret" not in answered.text
        assert answered.headers["content-security-policy"].startswith("default-src 'self'")
    assert answers[405].headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("refused", 409, "seal-broken"),
        ("unknown", 404, "unknown"),
        ("sign-in", 401, "sign-in"),
        ("forbidden", 403, "forbidden"),
        ("invalid", 422, "invalid"),
        ("reused", 422, "request-id-reused"),
    ],
)
async def test_a_refusal_answers_in_the_readers_language(opened: Opening, kind: str, status: int, code: str) -> None:
    async with opened(made()) as client:
        japanese = await client.get(f"/api/sample/refusals/{kind}")
        english = await client.get(f"/api/sample/refusals/{kind}", headers={"accept-language": "en"})
    assert japanese.status_code == english.status_code == status
    assert japanese.json()["code"] == english.json()["code"] == code
    assert japanese.json()["detail"] == REFUSALS[kind].ja
    assert english.json()["detail"] == REFUSALS[kind].en
    assert english.headers["content-language"] == "en"
    assert ("www-authenticate" in english.headers) is (status == 401)


async def test_a_refusal_says_what_is_missing(opened: Opening) -> None:
    async with opened(made()) as client:
        body = (await client.get("/api/sample/refusals/refused", headers={"accept-language": "en"})).json()
    assert body["missing"] == ["Required"]
    assert body["facts"] == {"cage": 6}


async def test_a_fault_is_named_by_place_and_mended_by_sentence(opened: Opening) -> None:
    async with opened(made()) as client:
        answered = await client.post("/api/sample/scans", json={"label": "M4MT4K4P7", "at": SECRET, SECRET: SECRET})
        broken = await client.post("/api/sample/scans", content=b"{", headers={"content-type": "application/json"})
    errors = {error["pointer"]: error["detail"] for error in answered.json()["errors"]}
    assert errors["/body/label"] == "最後の文字が合いません。ラベルを拭いて、もう一度読み取ってください。"
    assert "時差" in errors["/body/at"]
    assert errors["/body"] == "使わない項目が含まれています。取り除いてください。"
    assert "s3cret" not in answered.text
    assert broken.json()["errors"][0]["detail"].startswith("JSONとして読めません")


async def test_people_get_a_page_and_programs_a_document(opened: Opening) -> None:
    async with opened(made()) as client:
        page = await client.get("/refused", headers=PAGE)
        document = await client.get("/refused", headers={"accept": "application/json"})
        crashed = await client.get("/crash", headers=PAGE)
        lost = await client.get("/nowhere?lang=en", headers=PAGE)
    assert page.headers["content-type"].startswith("text/html")
    assert "封印が切れています。" in page.text
    assert document.headers["content-type"] == MEDIA_TYPE
    assert crashed.status_code == 500
    assert "s3cret" not in crashed.text
    assert "めぐるの側で問題が起きました" in crashed.text
    assert crashed.headers["x-content-type-options"] == "nosniff"
    assert "There is no such page." in lost.text


async def test_a_fault_ends_with_its_answer_unless_that_broke_off(caplog: pytest.LogCaptureFixture) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield b"half of it"
        raise RuntimeError(SECRET)

    async def broken(_request: Request) -> Response:
        return StreamingResponse(half())

    app = made()
    app.add_route("/half", broken)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://meguru.test") as client:
        assert (await client.get("/crash")).status_code == 500  # raised no further: the connection may be used again
        assert SECRET in caplog.text
        with pytest.raises(RuntimeError):  # and here the server has to close it
            await client.get("/half")


async def test_every_answer_is_sealed(opened: Opening) -> None:
    async with opened(made()) as client:
        headers = (await client.get("/page")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["permissions-policy"].startswith("camera=(self)")
    assert headers["strict-transport-security"].startswith("max-age=")
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),  # an API client says nothing
        ({"origin": "https://meguru.example", "sec-fetch-site": "same-origin"}, 201),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://meguru.example:8443"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"authorization": "Bearer x", "sec-fetch-site": "cross-site"}, 403),  # the gateway adds bearers to browsers
        ({"authorization": "Bearer x"}, 201),
    ],
)
async def test_a_write_from_a_foreign_page_is_refused(opened: Opening, headers: dict[str, str], status: int) -> None:
    scan = {"label": "NA74QKCHQ", "at": datetime.now(UTC).isoformat()}
    async with opened(made(origin="https://meguru.example")) as client:
        answered = await client.post("/api/sample/scans", json=scan, headers=headers)
        assert answered.status_code == status
        assert (await client.get("/page", headers=headers)).status_code == 200
    if status == 403:
        assert answered.json()["code"] == "cross-site"


async def test_without_a_set_origin_the_host_counts(opened: Opening) -> None:
    scan = {"label": "NA74QKCHQ", "at": datetime.now(UTC).isoformat()}
    async with opened(made()) as client:
        same = await client.post("/api/sample/scans", json=scan, headers={"origin": "https://meguru.test"})
        other = await client.post(
            "/api/sample/scans", json=scan, headers={"origin": "https://meguru.test.evil.example"}
        )
    assert (same.status_code, other.status_code) == (201, 403)


async def test_a_body_is_counted_as_it_streams(opened: Opening) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _block in range(50):
            yield b" " * 100

    headers = {"content-type": "application/json"}
    async with opened(made(body_max=1000)) as client:
        streamed = await client.post("/api/sample/scans", content=endless(), headers=headers)
        upload = await client.post("/api/sample/files", files={"file": b"x" * 2000})
        small = await client.post("/api/sample/files", files={"file": b"x" * 500})
        strange = await client.post("/api/sample/scans", content=b"{}", headers={**headers, "content-length": "-2"})
    assert (streamed.status_code, upload.status_code, small.status_code) == (413, 413, 201)
    assert streamed.headers["content-type"] == MEDIA_TYPE
    assert strange.status_code == 400


async def test_live_touches_nothing_and_ready_asks(opened: Opening) -> None:
    asked = []

    async def ready() -> bool:
        asked.append(1)
        if len(asked) == 2:
            raise ConnectionError(SECRET)
        return len(asked) != 1

    async with opened(made(ready=ready)) as client:
        assert (await client.get("/healthz")).json() == {"status": "live"}
        assert asked == []
        assert [(await client.get("/readyz")).status_code for _ in range(3)] == [503, 503, 200]
    async with opened(made()) as client:
        assert (await client.get("/readyz")).status_code == 200


async def test_the_api_describes_itself_and_loads_nothing_from_outside(opened: Opening) -> None:
    async with opened(made()) as client:
        document = (await client.get("/api/sample/openapi.json")).json()
        assert (await client.get("/docs")).status_code == 404
        assert (await client.get("/redoc")).status_code == 404
    responses = document["paths"]["/api/sample/scans"]["post"]["responses"]
    assert set(responses) == {"201", "4XX", "5XX"}
    assert MEDIA_TYPE in responses["4XX"]["content"]
    assert {"Problem", "Fault"} <= set(document["components"]["schemas"])
    assert "/healthz" not in document["paths"]


async def test_a_services_own_template_comes_before_the_shared_one(opened: Opening, tmp_path: Path) -> None:
    (tmp_path / "signin.html").write_text("{% extends 'layout.html' %}{% block main %}わが町{% endblock %}", "utf-8")
    async with opened(made(templates=tmp_path)) as client:
        assert "わが町" in (await client.get("/page")).text
    async with opened(made()) as client:
        assert "パスワード" in (await client.get("/page")).text
