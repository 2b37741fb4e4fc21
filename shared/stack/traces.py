"""Where traces go on one machine: a small OTLP/HTTP sink with a JSON API for tests and a waterfall page for people.

In production a collector takes its place. Memory is bounded: the oldest spans leave first.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # the wheel carries no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.web import figures
from shared.web.i18n import language
from shared.web.pages import render
from shared.web.recipe import create_app
from shared.web.viewer import Viewer

SPANS_MAX = 20_000
TRACES_SHOWN_MAX = 50
TRACES_ANSWERED_MAX = 500
ROWS_MAX = 200  # of a drawing; the API gives all
SLOW_MS = 300.0
PROTOBUF = "application/x-protobuf"
COMMIT_SPAN = "ledger transaction"  # its end is where the answer became true
_SERVER = Sent.SpanKind.SPAN_KIND_SERVER
_NS_PER_MS = 1_000_000

#: Japanese as shown → English. The catalogue of the services does not carry words of a tool that only this stack has.
WORDS: Mapping[str, str] = {
    "経路": "Traces",
    "最近の経路": "Recent traces",
    "始まり": "Started",
    "経路の入口": "Entry",
    "サービス": "Services",
    "区間": "Spans",
    "長さ": "Duration",
    "開く": "Open",
    "まだ経路がありません。何かを読み取ると、ここに現れます。": "No traces yet. Scan something and it appears here.",
    "時間の図": "Timeline",
    "同じ数の表": "The same numbers as a table",
    "始まり ms": "Start ms",
    "長さ ms": "Length ms",
    "経路の一覧": "All traces",
    "遅い": "Slow",
    "確定まで": "Committed after",
    "終わりまで": "Finished after",
    "属性": "Attribute",
    "例：device.id=0192…": "For example device.id=0192…",
    "絞り込む": "Filter",
    "運用": "Operation",
    "区間が多いため、はじめの部分だけを描きました。": "There are many spans: only the first are drawn.",
    "この経路はもう残っていません。": "This trace is no longer kept.",
}


@dataclass(frozen=True, slots=True)
class Span:
    """One span as received; times are Unix nanoseconds, ids are lower-case hexadecimal."""

    trace: str
    span: str
    parent: str
    name: str
    service: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    links: tuple[str, ...]  #: "trace-span" of each linked span
    failed: bool

    @property
    def length_ms(self) -> float:
        """How long it took."""
        return (self.end_ns - self.start_ns) / _NS_PER_MS


class Spans:
    """The newest spans, in the order they came."""

    def __init__(self, spans_max: int = SPANS_MAX) -> None:
        self._kept: deque[Span] = deque(maxlen=spans_max)

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, request: ExportTraceServiceRequest) -> None:
        """Keep what an exporter sent."""
        for resource in request.resource_spans:
            service = str(_attributes(resource.resource.attributes).get("service.name", "unknown"))
            self._kept.extend(_span(sent, service) for scope in resource.scope_spans for sent in scope.spans)

    def trace(self, trace: str) -> list[Span]:
        """Return a trace's spans by their start; empty when none is kept."""
        return sorted((span for span in self._kept if span.trace == trace), key=lambda span: span.start_ns)

    def search(self, wanted: Mapping[str, str]) -> list[list[Span]]:
        """Return the traces, newest first, of which one span fits all of `wanted`.

        `name` and `service` are the span's own; every other key is an attribute, compared as text.
        """
        traces: dict[str, list[Span]] = {}
        fitting: set[str] = set()
        for span in self._kept:
            traces.setdefault(span.trace, []).append(span)
            if all(_said(span, key) == value for key, value in wanted.items()):
                fitting.add(span.trace)
        found = [sorted(traces[trace], key=lambda span: span.start_ns) for trace in fitting]
        return sorted(found, key=lambda spans: spans[0].start_ns, reverse=True)


async def receive(request: Request) -> Response:
    """Take an ExportTraceServiceRequest (OTLP 1.x over HTTP, binary protobuf)."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != PROTOBUF:
        raise HTTPException(415)
    sent = ExportTraceServiceRequest()
    try:
        sent.ParseFromString(await request.body())
    except DecodeError:
        raise HTTPException(400) from None
    request.app.state.spans.add(sent)
    return Response(ExportTraceServiceResponse().SerializeToString(), media_type=PROTOBUF)


async def list_traces(request: Request) -> Response:
    """Answer the traces that fit the query, newest first."""
    wanted = {key: value for key, value in request.query_params.items() if key != "lang"}
    found = request.app.state.spans.search(wanted)[:TRACES_ANSWERED_MAX]
    return JSONResponse({"traces": [_summary(spans) for spans in found]})


async def one_trace(request: Request) -> Response:
    """Answer one trace with all its spans."""
    spans = request.app.state.spans.trace(request.path_params["trace"])
    if not spans:
        raise HTTPException(404)
    return JSONResponse(_summary(spans) | {"spans": [asdict(span) | {"length_ms": span.length_ms} for span in spans]})


async def list_page(request: Request) -> Response:
    """Show the newest traces, all or those with one attribute."""
    filtered = request.query_params.get("attribute", "").strip()
    key, _, value = filtered.partition("=")
    found = request.app.state.spans.search({key.strip(): value.strip()} if key else {})[:TRACES_SHOWN_MAX]
    rows = [{"started": datetime.fromtimestamp(spans[0].start_ns / 1e9, UTC), **_summary(spans)} for spans in found]
    return _render(request, "traces.html", rows=rows, filtered=filtered)


async def trace_page(request: Request) -> Response:
    """Show one trace as a waterfall, and the same numbers as a table."""
    spans = request.app.state.spans.trace(request.path_params["trace"])
    if not spans:
        return _render(request, "trace.html", 404, trace=None)
    commit = next((span.end_ns for span in spans if span.name == COMMIT_SPAN), None)
    return _render(
        request,
        "trace.html",
        trace=_summary(spans),
        started=datetime.fromtimestamp(spans[0].start_ns / 1e9, UTC),
        commit_ms=None if commit is None else (commit - spans[0].start_ns) / _NS_PER_MS,
        slow=sum(span.length_ms > SLOW_MS for span in spans),
        cut=len(spans) > ROWS_MAX,
        spans=waterfall(spans[:ROWS_MAX]),
    )


def waterfall(spans: Sequence[Span]) -> list[figures.Span]:
    """Place spans under their services, the service that began first at the top, children indented under parents."""
    known = {span.span: span for span in spans}
    services = list(dict.fromkeys(span.service for span in spans))
    waited = _waited_for(spans)
    return [
        figures.Span(
            service=span.service,
            name="　" * _depth(span, known) + span.name,
            start_ms=(span.start_ns - spans[0].start_ns) / _NS_PER_MS,
            length_ms=span.length_ms,
            kind=_colour(span, waited=span.span in waited),
        )
        for span in sorted(spans, key=lambda span: (services.index(span.service), span.start_ns))
    ]


def _waited_for(spans: Sequence[Span]) -> set[str]:
    """Return the spans that somebody at a screen or scanner waited for: the server's own and those within it."""
    entry = next((span for span in spans if span.kind == _SERVER), None)
    if entry is None:
        return set()
    return {s.span for s in spans if s.service == entry.service and s.end_ns <= entry.end_ns}


def _colour(span: Span, *, waited: bool) -> str:
    if span.length_ms > SLOW_MS:
        return "slow"
    if "db.system" in span.attributes or span.name.startswith("ledger"):
        return "db"
    return "sync" if waited else "async"


def _depth(span: Span, known: Mapping[str, Span]) -> int:
    depth, above = 0, known.get(span.parent)
    while above is not None and above.service == span.service and depth < len(known):
        depth, above = depth + 1, known.get(above.parent)
    return depth


def _summary(spans: Sequence[Span]) -> dict[str, Any]:
    root = next((span for span in spans if not span.parent), spans[0])
    return {
        "trace": root.trace,
        "name": root.name,
        "services": list(dict.fromkeys(span.service for span in spans)),
        "count": len(spans),
        "start_ns": spans[0].start_ns,
        "length_ms": (max(span.end_ns for span in spans) - spans[0].start_ns) / _NS_PER_MS,
        "failed": any(span.failed for span in spans),
    }


def _said(span: Span, key: str) -> str | None:
    if key in {"name", "service"}:
        return str(getattr(span, key))
    return None if key not in span.attributes else str(span.attributes[key])


def _span(sent: Sent, service: str) -> Span:
    return Span(
        trace=sent.trace_id.hex(),
        span=sent.span_id.hex(),
        parent=sent.parent_span_id.hex(),
        name=sent.name,
        service=service,
        kind=sent.kind,
        start_ns=sent.start_time_unix_nano,
        end_ns=sent.end_time_unix_nano,
        attributes=_attributes(sent.attributes),
        links=tuple(f"{link.trace_id.hex()}-{link.span_id.hex()}" for link in sent.links),
        failed=sent.status.code == sent.status.STATUS_CODE_ERROR,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return value.bytes_value.hex()
    return None if kind is None else getattr(value, kind)


def _render(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    english = language(request) == "en"
    request.state.viewer = Viewer("platform", _word("運用", english=english))
    return render(request, template, status, say=lambda text: _word(text, english=english), **context)


def _word(text: str, *, english: bool) -> str:
    return WORDS[text] if english else text


app = create_app("traces", lifespan=None, title="Meguru traces", templates=Path(__file__).parent / "templates")
app.state.spans = Spans()
app.add_route("/v1/traces", receive, ["POST"], include_in_schema=False)
app.add_route("/traces/api/traces", list_traces, include_in_schema=False)
app.add_route("/traces/api/traces/{trace}", one_trace, include_in_schema=False)
app.add_route("/traces", list_page, include_in_schema=False)
app.add_route("/traces/{trace}", trace_page, include_in_schema=False)
