"""Traces: one journey is one trace, from the scan to the certificate.

Span names are templates, never ids: with 1,741 tenants the number of names stays the same. The tenant, the device and
the case go on every span as attributes, by a context that the spans of one piece of work share.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING
from uuid import UUID

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from shared.settings import Settings

_subject: ContextVar[Mapping[str, str]] = ContextVar("subject", default=MappingProxyType({}))
_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("meguru")


class SubjectProcessor(SpanProcessor):
    """Puts the tenant, device and case of the work at hand on every span that starts."""

    def on_start(self, span: Span, parent_context: "Context | None" = None) -> None:  # noqa: ARG002 - the interface's
        """Copy the subject onto the span."""
        span.set_attributes(_subject.get())

    def on_end(self, span: ReadableSpan) -> None:
        """Nothing to do at the end."""


def start(settings: "Settings") -> None:
    """Send this process's spans to the collector of the settings, or nowhere."""
    if not settings.otlp:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    provider = TracerProvider(resource=Resource.create({"service.name": settings.service}))
    provider.add_span_processor(SubjectProcessor())
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.otlp), schedule_delay_millis=settings.trace_flush_ms)
    )
    trace.set_tracer_provider(provider)


@contextmanager
def about(
    *, tenant: str | None = None, device: UUID | str | None = None, case: UUID | str | None = None
) -> Iterator[None]:
    """Name what the following work is about; the current span and all spans below carry it."""
    named = {"tenant.code": tenant, "device.id": device, "case.id": case}
    subject = {**_subject.get(), **{key: str(value) for key, value in named.items() if value is not None}}
    trace.get_current_span().set_attributes(subject)
    token = _subject.set(subject)
    try:
        yield
    finally:
        _subject.reset(token)


@contextmanager
def span(
    name: str, *, parent: str | None = None, links: tuple[str, ...] = (), **attributes: str | int
) -> Iterator[trace.Span]:
    """Open a span named by template. `parent` continues the trace of a stored traceparent; `links` point to others."""
    linked = [
        trace.Link(context)
        for link in links
        if (context := trace.get_current_span(_context(link)).get_span_context()).is_valid
    ]
    with _tracer.start_as_current_span(
        name, context=_context(parent) if parent else None, links=linked, attributes=attributes
    ) as current:
        yield current


@contextmanager
def branches(
    name: str, things: Sequence[tuple[str | None, Mapping[str, str | int]]]
) -> Iterator[tuple[str | None, ...]]:
    """Open one span in every trace that goes on here; none becomes the current one.

    Each thing names the traceparent it follows from and what it is about; those that follow from the same share a span,
    with the attributes they agree on. Gives for each thing the traceparent to go on with. What carries no trace starts
    none: it belongs to no one journey.
    """
    shared: dict[str, list[Mapping[str, str | int]]] = {}
    for parent, about_it in things:
        if parent:
            shared.setdefault(parent, []).append(about_it)
    opened = {
        parent: _tracer.start_span(
            name,
            context=_context(parent),
            attributes={
                key: value for key, value in all_of[0].items() if all(other.get(key) == value for other in all_of)
            }
            | ({"count": len(all_of)} if len(all_of) > 1 else {}),
        )
        for parent, all_of in shared.items()
    }
    try:
        yield tuple(_said(opened[parent]) or parent if parent else None for parent, _ in things)
    except BaseException as failure:
        for one in opened.values():
            one.record_exception(failure)
            one.set_status(trace.StatusCode.ERROR)
        raise
    finally:
        for one in opened.values():
            one.end()


def past(name: str, began_ns: int, ended_ns: int) -> None:
    """Record a span below the current one for what another process did, in ns since 1970."""
    _tracer.start_span(name, start_time=began_ns).end(ended_ns)


def traceparent() -> str | None:
    """Return the current span as a W3C traceparent, to be stored with what was recorded."""
    return _said(trace.get_current_span())


def _said(span_: trace.Span) -> str | None:
    context = span_.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}" if context.is_valid else None


def _context(traceparent_: str) -> "Context":
    return _propagator.extract({"traceparent": traceparent_})
