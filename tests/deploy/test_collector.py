"""The collector's file holds together and listens where the chart sends."""

from urllib.parse import urlsplit

from tests.deploy.chart import CHART, ROOT, Document, documents


def collector() -> Document:
    (found,) = documents((ROOT / "deploy" / "otel" / "collector.yaml").read_text())
    return found


def test_every_part_is_used_and_every_part_used_is_there() -> None:
    whole = collector()
    (pipeline,) = whole["service"]["pipelines"].values()
    for part in ("receivers", "processors", "exporters"):
        assert set(pipeline[part]) == set(whole[part]), part
    assert set(whole["service"]["extensions"]) == set(whole["extensions"])


def test_memory_is_limited_first_and_batches_are_made_last() -> None:
    processors = collector()["service"]["pipelines"]["traces"]["processors"]
    assert (processors[0], processors[-1]) == ("memory_limiter", "batch")
    assert processors.index("tail_sampling") < processors.index("batch")


def test_it_listens_where_the_chart_sends() -> None:
    (values,) = documents((CHART / "values.yaml").read_text())
    port = int(collector()["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rsplit(":", 1)[1])
    address = urlsplit(values["otlp"])
    assert (address.port, address.path) == (port, "/v1/traces")
    assert values["network"]["otlp"]["port"] == port
