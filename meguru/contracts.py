"""The contracts as documents: a JSON Schema an event version, an OpenAPI and an AsyncAPI document a service.

`python -m meguru.contracts` writes them; `tests/test_contracts.py` is red when a written one is stale.
"""

import json
import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import shared.events  # noqa: F401 - registers every event
from shared import jetstream
from shared.entry import By, Event, Request
from shared.settings import SERVICES

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "contracts"


def documents() -> dict[str, str]:
    """Return every generated document by its path under `contracts/`."""
    made = {f"events/{kind}.json": event_schema(event) for kind, event in sorted(Event.registry.items())}
    for service in SERVICES:
        made[f"openapi/{service}.json"] = import_module(f"services.{service}.app").app.openapi()
        made[f"asyncapi/{service}.json"] = asyncapi(service)
    return {
        path: json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        for path, document in made.items()
    }


def event_schema(event: type[Event]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of an entry that carries this event."""
    data = event.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
    definitions = data.pop("$defs", {})
    moment = {"type": "string", "format": "date-time"}
    identifier = {"type": "string", "format": "uuid"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:meguru:event:{event.kind}",
        "title": event.kind,
        "description": (event.__doc__ or "").strip(),
        "type": "object",
        "properties": {
            "id": identifier,
            "stream": identifier,
            "sequence": {"type": "integer", "minimum": 1},
            "tenant": {"type": "string"},
            "kind": {"const": event.kind},
            "recordedAt": moment,
            "occurredAt": moment,
            "by": By.model_json_schema(),
            "request": Request.model_json_schema(),
            "because": identifier,
            "data": data,
        },
        "required": ["id", "stream", "sequence", "tenant", "kind", "recordedAt", "occurredAt", "by", "data"],
        "$defs": definitions,
    }


def asyncapi(service: str) -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of a service: each event it sends, each it listens to."""
    sends = sorted(kind for kind in Event.registry if kind.startswith(f"{service}."))
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for kind in sends:
        channels[kind] = _channel(f"custody.{{tenant}}.{kind}", [kind])
        operations[f"send.{kind}"] = {"action": "send", "channel": {"$ref": f"#/channels/{kind}"}}
    for durable in jetstream.of(service):
        for subject in durable.subjects:
            name = f"{durable.name}:{subject}"
            channels[name] = _channel(subject.replace("*", "{tenant}", 1), _kinds(subject))
            operations[f"receive.{name}"] = {"action": "receive", "channel": {"$ref": f"#/channels/{name}"}}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": f"Meguru {service}", "version": "1"},
        "channels": channels,
        "operations": operations,
    }


def _channel(address: str, kinds: Iterable[str]) -> dict[str, Any]:
    messages = {
        kind: {
            "name": f"jp.meguru.{kind}",
            "contentType": "application/json",
            "payload": {"$ref": f"../events/{kind}.json"},
        }
        for kind in kinds
    }
    channel: dict[str, Any] = {"address": address, "messages": messages}
    if "{tenant}" in address:
        channel["parameters"] = {"tenant": {"description": "The party whose entry this is"}}
    return channel


def _kinds(subject: str) -> list[str]:
    if subject == "custody.>":
        return sorted(Event.registry)
    _, _, kind = subject.partition(".*.")
    return [kind] if kind in Event.registry else []


def write() -> None:
    """Write every document and remove what is no contract any more; samples stay for ever."""
    made = documents()
    for folder in ("events", "openapi", "asyncapi"):
        for old in (FOLDER / folder).glob("*.json"):
            if f"{folder}/{old.name}" not in made:
                old.unlink()
    for path, text in made.items():
        (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / path).write_text(text, encoding="utf-8")


def keep_samples(events: Path) -> list[str]:
    """Keep one recorded entry of each kind without a sample, from an `events.jsonl`; none is ever replaced."""
    kept = []
    with events.open("rb") as lines:
        for line in lines:
            path = FOLDER / "samples" / f"{json.loads(line)['kind']}.json"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(line)
                kept.append(path.stem)
    return kept


if __name__ == "__main__":
    write()
    for given in sys.argv[1:]:
        keep_samples(Path(given))
