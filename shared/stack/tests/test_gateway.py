import os
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from shared.stack.gateway import Gateway, keep_certificates
from shared.stack.ports import free_port, listens
from shared.stack.supervisor import Program, Supervisor

ROOT = Path(__file__).parents[3]


def upstream(name: str, port: int) -> Program:
    async def ready() -> bool:
        return await listens(port)

    app = "faulty" if name == "refurb" else "echo"
    arguments = f"-m uvicorn shared.stack.tests.{app}:app --host 127.0.0.1 --port {port} --no-access-log"
    environment = {**os.environ, "ECHO": name}
    return Program(name, (sys.executable, *arguments.split()), ready, ROOT, environment)


@pytest.fixture(scope="module")
async def front(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[httpx.AsyncClient, Supervisor]]:
    folder = tmp_path_factory.mktemp("gateway")
    supervisor = Supervisor(folder)
    upstreams = {name: free_port() for name in ("tracking", "erasure", "refurb", "traces")}
    for name, port in upstreams.items():
        await supervisor.start(upstream(name, port))
    gateway = Gateway(folder / "caddy", folder, free_port(), upstreams)
    await supervisor.start(gateway.program())
    trust = ssl.create_default_context(cafile=str(Gateway.authority(folder / "caddy")))
    async with httpx.AsyncClient(base_url=f"https://localhost:{gateway.port}", verify=trust) as client:
        yield client, supervisor
    await supervisor.stop_all()


Front = tuple[httpx.AsyncClient, Supervisor]


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/", "tracking"),
        ("/t/7K3D9Q2MX", "tracking"),
        ("/api/tracking/items", "tracking"),
        ("/erasure/destroy", "erasure"),
        ("/api/erasure/media/1/destructions", "erasure"),
    ],
)
async def test_a_path_reaches_the_service_it_belongs_to(front: Front, path: str, service: str) -> None:
    client, _ = front
    answer = await client.get(path)
    assert answer.json()["service"] == service
    assert answer.json()["headers"]["x-request-id"] == answer.headers["x-request-id"]
    assert answer.json()["headers"]["x-forwarded-proto"] == "https"


async def test_a_live_session_becomes_a_bearer_token_and_the_cookie_stays_behind(front: Front) -> None:
    client, _ = front
    answer = await client.post(
        "/api/erasure/x", content=b"x" * 1000, headers={"Cookie": "lang=en; __Host-session=live; a=b"}
    )
    seen = answer.json()
    assert seen["headers"]["authorization"] == "Bearer of-the-session"
    assert (seen["method"], seen["path"], seen["body"]) == ("POST", "/api/erasure/x", 1000)
    assert seen["headers"]["cookie"] == "lang=en; a=b"


async def test_tracking_is_given_the_cookie_and_asked_nothing_before(front: Front) -> None:
    client, _ = front
    seen = (await client.post("/session/end", headers={"Cookie": "__Host-session=live"})).json()
    assert seen["headers"]["cookie"] == "__Host-session=live"
    assert "authorization" not in seen["headers"]


async def test_a_dead_session_goes_on_as_the_public(front: Front) -> None:
    client, _ = front
    answer = await client.get("/erasure", headers={"Cookie": "__Host-session=ended"})
    assert answer.status_code == 200
    assert "authorization" not in answer.json()["headers"]


async def test_a_bearer_token_of_a_device_passes_untouched(front: Front) -> None:
    client, _ = front
    headers = {"Authorization": "Bearer of-the-device", "Cookie": "__Host-session=live"}
    seen = (await client.get("/erasure", headers=headers)).json()
    assert seen["headers"]["authorization"] == "Bearer of-the-device"


@pytest.mark.parametrize("path", ["/traces", "/traces/4bf92f35", "/traces/api/traces?name=x", "/traces%2Fapi%2Ftraces"])
async def test_traces_are_for_those_the_front_desk_lets_in(front: Front, path: str) -> None:
    client, _ = front
    for headers in ({}, {"Cookie": "__Host-session=ended"}, {"Authorization": "Bearer of-a-device"}):
        refused = await client.get(path, headers=headers)
        assert (refused.status_code, refused.content) == (401, b"")
    seen = (await client.get(path, headers={"Cookie": "__Host-session=live"})).json()
    assert (seen["service"], seen["method"]) == ("traces", "GET")
    assert seen["path"].startswith("/traces")


async def test_the_session_s_token_is_for_the_gateway_alone(front: Front) -> None:
    client, _ = front
    answer = await client.get("/session/token", headers={"Cookie": "__Host-session=live"})
    assert answer.status_code == 404
    assert "authorization" not in answer.headers


async def test_a_body_above_twenty_mebibytes_is_refused(front: Front) -> None:
    client, _ = front
    answer = await client.post("/api/erasure/x", content=b"x" * (20 * 2**20 + 1))
    assert answer.status_code == 413


async def endless(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 2**16 + 1):
        yield b"x" * 2**16


@pytest.mark.parametrize("path", ["/api/refurb/take", "/refurb/take", "/api/erasure/x"])
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
async def test_a_body_that_grows_above_the_limit_is_answered_with_a_sentence(
    front: Front, path: str, accept: str
) -> None:
    client, _ = front
    headers = {"content-type": "application/json", "accept": accept}
    answer = await client.post(path, content=endless(20 * 2**20 + 1), headers=headers)
    assert answer.status_code == 413
    assert "20 MB までに分ける" in answer.text
    assert "at most 20 MB" in answer.text
    document = accept == "*/*" or path.startswith("/api/")
    assert answer.headers["content-type"] == ("application/problem+json" if document else "text/plain; charset=utf-8")
    if document:
        assert answer.json()["status"] == 413


async def test_what_follows_an_unhandled_error_is_answered(front: Front) -> None:
    client, _ = front
    answers: list[int] = []
    for _ in range(100):
        crashed = await client.post("/api/refurb/crash")
        assert (crashed.status_code, crashed.json()["code"]) == (500, "internal-server-error")
        answers.append((await client.post("/api/refurb/take", json={})).status_code)
    assert answers == [200] * 100


async def test_a_request_waits_while_its_service_restarts(front: Front) -> None:
    client, supervisor = front
    supervisor.kill("erasure")
    answer = await client.get("/erasure", timeout=20)
    assert answer.status_code == 200


async def test_the_access_log_holds_no_token_of_a_label_and_no_key_of_a_calendar(front: Front) -> None:
    client, supervisor = front
    await client.get("/calls/mine/063622-0001/SECRET42")
    await client.get("/T/7K3D9Q2MX/SECRET42", headers={"Referer": "https://localhost/t/7K3D9Q2MX/SECRET42"})
    await client.get("/certificates/deadlines.ics?lang=ja&key=HIDDEN-42_x")
    log = (supervisor.logs / "access.log").read_text(encoding="utf-8")
    assert "7K3D9Q2MX" in log
    assert "SECRET42" not in log
    assert "deadlines.ics?lang=ja&key=…" in log.replace("\\u0026", "&")
    assert "HIDDEN" not in log
    assert "of-the-device" not in log


def test_certificates_are_kept_and_renewed_together(tmp_path: Path) -> None:
    keep_certificates(tmp_path)
    first = (tmp_path / "origin.pem").read_bytes()
    keep_certificates(tmp_path)
    assert (tmp_path / "origin.pem").read_bytes() == first
    (tmp_path / "origin.key").unlink()
    keep_certificates(tmp_path)
    authority = x509.load_pem_x509_certificate(Gateway.authority(tmp_path).read_bytes())
    x509.load_pem_x509_certificate((tmp_path / "origin.pem").read_bytes()).verify_directly_issued_by(authority)
    assert (tmp_path / "origin.key").stat().st_mode & 0o077 == 0
