import httpx
import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, set_span_in_context

from shared.stack.traces import Spans, app, waterfall


def journey() -> list[ReadableSpan]:
    """One scan: recorded by erasure, consumed by tracking, in one trace."""
    kept = InMemorySpanExporter()
    providers = {}
    for service in ("erasure", "tracking"):
        providers[service] = TracerProvider(resource=Resource.create({"service.name": service}))
        providers[service].add_span_processor(SimpleSpanProcessor(kept))
    erasure, tracking = (providers[name].get_tracer("test") for name in ("erasure", "tracking"))
    with erasure.start_as_current_span("POST /destructions", kind=SpanKind.SERVER) as entry:
        with erasure.start_as_current_span("ledger transaction", attributes={"device.id": "d-1", "n": 3}):
            pass
        above = set_span_in_context(trace.NonRecordingSpan(entry.get_span_context()))
    with tracking.start_as_current_span("tracking consume", context=above, attributes={"device.id": "d-1"}):
        pass
    with erasure.start_as_current_span("other"):
        pass
    return list(kept.get_finished_spans())


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> httpx.AsyncClient:
    monkeypatch.setitem(app.state._state, "spans", Spans())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


async def send(client: httpx.AsyncClient, spans: list[ReadableSpan]) -> None:
    body = encode_spans(spans).SerializeToString()
    answer = await client.post("/v1/traces", content=body, headers={"Content-Type": "application/x-protobuf"})
    assert answer.status_code == 200


async def test_one_journey_is_one_trace_found_by_attribute_and_name(client: httpx.AsyncClient) -> None:
    await send(client, journey())
    found = (await client.get("/traces/api/traces", params={"device.id": "d-1", "name": "tracking consume"})).json()
    (only,) = found["traces"]
    assert only["services"] == ["erasure", "tracking"]
    assert only["name"] == "POST /destructions"
    whole = (await client.get(f"/traces/api/traces/{only['trace']}")).json()
    names = {span["span"]: span["name"] for span in whole["spans"]}
    assert [(span["name"], names.get(span["parent"])) for span in whole["spans"]] == [
        ("POST /destructions", None),
        ("ledger transaction", "POST /destructions"),
        ("tracking consume", "POST /destructions"),
    ]
    assert whole["spans"][1]["attributes"] == {"device.id": "d-1", "n": 3}


async def test_what_fits_no_span_finds_no_trace(client: httpx.AsyncClient) -> None:
    await send(client, journey())
    split = {"name": "POST /destructions", "device.id": "d-1"}  # true of the trace, of no single span
    assert (await client.get("/traces/api/traces", params=split)).json() == {"traces": []}
    assert (await client.get("/traces/api/traces/00")).status_code == 404


async def test_the_waterfall_groups_by_service_and_colours_by_who_waits(client: httpx.AsyncClient) -> None:
    await send(client, journey())
    spans = app.state.spans.trace(app.state.spans.search({"device.id": "d-1"})[0][0].trace)
    assert [(row.service, row.name, row.kind) for row in waterfall(spans)] == [
        ("erasure", "POST /destructions", "sync"),
        ("erasure", "　ledger transaction", "db"),
        ("tracking", "tracking consume", "async"),
    ]
    page = await client.get(f"/traces/{spans[0].trace}")
    assert page.status_code == 200
    assert '<svg class="mg-trace"' in page.text
    assert "時間の図" in page.text
    assert "style=" not in page.text
    assert "<script" not in page.text


async def test_the_pages_speak_english_too(client: httpx.AsyncClient) -> None:
    empty = await client.get("/traces", params={"lang": "en"})
    assert "No traces yet" in empty.text
    await send(client, journey())
    listed = await client.get("/traces", params={"lang": "en", "attribute": "device.id=d-1"})
    assert "Recent traces" in listed.text
    assert listed.text.count('href="/traces/') == 1
    gone = await client.get("/traces/00", params={"lang": "en"})
    assert (gone.status_code, "no longer kept" in gone.text) == (404, True)


async def test_the_oldest_spans_leave_first() -> None:
    spans = Spans(spans_max=3)
    for _ in range(2):
        spans.add(encode_spans(journey()))
    assert len(spans) == 3


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [("application/json", b"{}", 415), ("application/x-protobuf", b"\xff\xff\xff", 400)],
)
async def test_what_is_no_otlp_is_refused(
    client: httpx.AsyncClient, content_type: str, body: bytes, status: int
) -> None:
    answer = await client.post("/v1/traces", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status
