"""What others rely on: the written contracts are not stale, and every event ever recorded can still be read."""

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from shared.entry import Entry, Event

os.environ.setdefault("MEGURU_SERVICE", "tracking")

from meguru import contracts

SAMPLES = contracts.FOLDER / "samples"


def test_no_written_contract_is_stale() -> None:
    made = contracts.documents()
    written = {
        f"{folder}/{path.name}": path.read_text(encoding="utf-8")
        for folder in ("events", "openapi", "asyncapi")
        for path in (contracts.FOLDER / folder).glob("*.json")
    }
    assert sorted(made) == sorted(written), "run `make contracts`"
    assert [path for path in made if made[path] != written[path]] == [], "run `make contracts`"


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_an_event_recorded_once_is_read_for_ever(sample: Path) -> None:
    body = sample.read_bytes().rstrip(b"\n")
    entry = Entry.read(body, bytes(16))
    assert entry.kind == sample.stem
    schema = json.loads((contracts.FOLDER / "events" / sample.name).read_text())
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(json.loads(body))


def test_every_technique_that_an_entry_may_name_has_its_words_on_paper() -> None:
    from services.certificates.document.words import TECHNIQUES
    from services.erasure.domain.technique import Technique

    assert {one.value for one in Technique} <= TECHNIQUES.keys()


def test_every_kind_has_a_sample() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(Event.registry)


def test_what_happens_to_an_item_has_a_name_on_the_timeline() -> None:
    from services.tracking.pages.words import EVENTS

    kinds = {kind for kind, event in Event.registry.items() if "item" in event.model_fields}
    assert kinds <= set(EVENTS), kinds - set(EVENTS)
