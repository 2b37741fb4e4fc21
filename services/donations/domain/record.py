"""The public record of an allocation: everything needed to do it again, and nobody's name."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from services.donations.domain.allocation import Machine, allocate
from shared.entry import moment
from shared.events.donations import Allocated, ApplicationReceived, CallOpened


def publish(
    call: CallOpened, applications: Iterable[ApplicationReceived], stock: Iterable[Machine], result: Allocated
) -> dict[str, Any]:
    """Return the record as JSON-ready data: the inputs (call, applications, stock) and the result."""
    places = {item: place for place, item in enumerate(result.stock)}
    return {
        "call": call.model_dump(mode="json"),
        "applications": [
            {
                "application": str(each.application),
                "receipt": each.receipt,
                "category": each.category,
                "units": each.units,
                "channel": each.channel,
                "arrived_at": moment(each.arrived_at),
            }
            for each in applications
        ],
        "stock": [m.model_dump(mode="json") for m in sorted(stock, key=lambda machine: places[machine.item])],
        **result.model_dump(mode="json", include={"grants", "waiting", "left"}),
    }


def recompute(document: Mapping[str, Any]) -> Allocated:
    """Allocate again from the inputs of a record alone. Raises pydantic's ValidationError, KeyError for no record."""
    call = CallOpened.model_validate(document["call"])
    applications = [
        ApplicationReceived.model_validate(
            {**each, "call": call.call, "arrived_at": datetime.fromisoformat(each["arrived_at"])}
        )
        for each in document["applications"]
    ]
    return allocate(call, applications, [Machine.model_validate(machine) for machine in document["stock"]])


def differences(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what in a record's result differs from doing it again; empty when it is the same."""
    again = recompute(document).model_dump(mode="json")
    found = []
    claimed = {grant["receipt"]: grant for grant in document["grants"]}
    computed = {grant["receipt"]: grant for grant in again["grants"]}
    for receipt in sorted(claimed.keys() | computed.keys()):
        said, done = (tuple(of.get(receipt, {}).get("items", ())) for of in (claimed, computed))
        if said != done:
            found.append(f"{receipt}: the record grants {len(said)}, done again {len(done)}")
            if len(said) == len(done):
                found[-1] = f"{receipt}: the record grants other machines than doing it again"
    found.extend(f"{part} differs" for part in ("waiting", "left") if list(document[part]) != list(again[part]))
    return tuple(found)
