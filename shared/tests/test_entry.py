import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.entry import BODY_SIZE_MAX, Entry, Event, UnknownKind, digest, moment
from shared.events.tracking import Corrected, LotMoved
from shared.ids import uuid7
from shared.testing import recorded


@given(st.text(max_size=200), st.text(max_size=200))
def test_an_entry_is_read_back_from_its_bytes_whatever_was_written(was: str, now: str) -> None:
    entry = recorded(Corrected(item=uuid7(), field="serial", was=was, now=now, reason="x"))
    again = Entry.read(entry.body, entry.salt)
    assert (again.id, again.stream, again.event, again.body) == (entry.id, entry.stream, entry.event, entry.body)
    assert again.digest == entry.digest == digest(entry.body, entry.salt)


def test_the_digest_depends_on_every_byte_and_on_the_salt() -> None:
    entry = recorded(LotMoved(lot=uuid7(), step="received", count=1))
    for at in range(0, len(entry.body), 7):
        changed = bytearray(entry.body)
        changed[at] ^= 1
        assert digest(bytes(changed), entry.salt) != entry.digest
    assert digest(entry.body, bytes([1]) + bytes(15)) != entry.digest


def test_unknown_fields_are_passed_over_and_unknown_kinds_are_named() -> None:
    entry = recorded(LotMoved(lot=uuid7(), step="received", count=1))
    envelope = json.loads(entry.body)
    envelope["data"]["later"] = "field"
    envelope["more"] = 1
    assert Entry.read(json.dumps(envelope).encode(), bytes(16)).event == entry.event
    envelope["kind"] = "tracking.something-new.v9"
    with pytest.raises(UnknownKind, match="something-new"):
        Entry.read(json.dumps(envelope).encode(), bytes(16))


def test_an_entry_that_is_too_large_is_not_made() -> None:
    with pytest.raises(ValueError, match=str(BODY_SIZE_MAX)):
        recorded(Corrected(item=uuid7(), field="x", now="あ" * BODY_SIZE_MAX, reason="x"))


def test_moments_are_written_in_utc_with_microseconds() -> None:
    at = datetime(2026, 11, 24, 10, 0, tzinfo=timezone(timedelta(hours=9)))
    assert moment(at) == "2026-11-24T01:00:00.000000Z"
    assert moment(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000000Z"


def test_every_event_is_frozen_and_named_for_its_service() -> None:
    assert len(Event.registry) > 40
    for kind, event in Event.registry.items():
        service, name, version = kind.split(".")
        assert f"{event.__module__}.".startswith(f"shared.events.{service}.")
        assert name
        assert version.startswith("v")
        assert event.model_config["frozen"]
        assert event.__doc__
