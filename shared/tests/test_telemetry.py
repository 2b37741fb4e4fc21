"""Spans: names are templates, the subject is on every span below, a stored traceparent is continued."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared import telemetry
from shared.settings import Settings
from shared.telemetry import SubjectProcessor, about, branches, span, start, traceparent

DEVICE = UUID(int=7)
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SubjectProcessor())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("test"))
    yield exporter
    provider.shutdown()


def seen(spans: InMemorySpanExporter) -> dict[str, dict[str, object]]:
    return {one.name: dict(one.attributes or {}) for one in spans.get_finished_spans()}


def test_the_subject_is_on_the_span_it_was_named_in_and_on_all_below(spans: InMemorySpanExporter) -> None:
    with span("door"):
        with about(tenant="town-063622", device=DEVICE), span("transaction"), about(case="D-1"), span("inner"):
            pass
        with span("after"):
            pass
    named = {"tenant.code": "town-063622", "device.id": str(DEVICE)}
    assert seen(spans) == {
        "door": named,
        "transaction": named | {"case.id": "D-1"},
        "inner": named | {"case.id": "D-1"},
        "after": {},
    }


def test_a_stored_traceparent_is_continued_and_links_point_elsewhere(spans: InMemorySpanExporter) -> None:
    other = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"
    with span("issuer", parent=PARENT, links=(other, "nonsense"), leaves=3) as current:
        assert f"{current.get_span_context().trace_id:032x}" == PARENT.split("-")[1]
        written = traceparent()
    assert written
    assert written.split("-")[1] == PARENT.split("-")[1]
    assert written != PARENT
    (one,) = spans.get_finished_spans()
    assert one.parent
    assert f"{one.parent.span_id:016x}" == PARENT.split("-")[2]
    assert [f"{link.context.trace_id:032x}" for link in one.links] == [other.split("-")[1]]
    assert (one.attributes or {})["leaves"] == 3


def test_what_follows_from_the_same_span_shares_one_and_other_journeys_have_their_own(
    spans: InMemorySpanExporter,
) -> None:
    other = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01"
    things = [
        (PARENT, {"tenant.code": "town-063622", "device.id": "a"}),
        (None, {"tenant.code": "town-063622"}),
        (other, {"tenant.code": "town-063622", "device.id": "c"}),
        (PARENT, {"tenant.code": "town-063622", "device.id": "b"}),
    ]
    with branches("consume", things) as traces:
        assert traceparent() is None, "none of them is the current one"
    assert traces[0] == traces[3] != PARENT
    assert traces[1] is None
    assert [one and one.split("-")[1] for one in traces[::2]] == [PARENT.split("-")[1], other.split("-")[1]]
    by_trace = {f"{one.context.trace_id:032x}": dict(one.attributes or {}) for one in spans.get_finished_spans()}
    assert by_trace == {
        PARENT.split("-")[1]: {"tenant.code": "town-063622", "count": 2},
        other.split("-")[1]: {"tenant.code": "town-063622", "device.id": "c"},
    }


def test_outside_of_every_span_there_is_no_traceparent() -> None:
    assert traceparent() is None


@pytest.mark.parametrize("parent", ["", "nonsense", "00-0-0-00"])
def test_a_traceparent_that_is_none_begins_a_new_trace(spans: InMemorySpanExporter, parent: str) -> None:
    with span("begun", parent=parent):
        pass
    (one,) = spans.get_finished_spans()
    assert one.parent is None


def test_without_a_collector_nothing_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def set_up(_provider: object) -> None:
        raise AssertionError("a provider was set up")

    monkeypatch.setattr("opentelemetry.trace.set_tracer_provider", set_up)
    start(Settings(service="tracking"))
