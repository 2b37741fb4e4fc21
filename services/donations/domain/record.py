"""The log of an allocation (割り当ての記録): everything needed to do it again, step by step, and nobody's name.

The file alone is enough: what was asked (call, rounds), who stood in the queue, what ranked it (arrival, the seed with
its proof, the points), what was in stock; and beside it what came out. Doing it again runs the rules themselves on it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.donations.domain import draw
from services.donations.domain.call import Call, fold
from shared.entry import Entry, Event, moment
from shared.events.donations import (
    Allocated,
    ApplicationReceived,
    CallClosed,
    CallOpened,
    Machine,
    MovedOn,
    ReviewConfirmed,
    Reviewed,
    RoundOpened,
    SeedDrawn,
)
from shared.refused import Refused

FORMAT = "meguru-allocation-log-1"
STEP: dict[type[Event], str] = {
    RoundOpened: "round-opened",
    CallClosed: "closed",
    SeedDrawn: "drawn",
    Reviewed: "reviewed",
    ReviewConfirmed: "confirmed",
    Allocated: "allocated",
    MovedOn: "moved-on",
}
GIVEN: dict[str, type[Event]] = {name: kind for kind, name in STEP.items()}
NOBODY = "-"  # in place of the references to persons, which are no part of the log


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a log is made of beside the call's own entries; `applications` as they were corrected last."""

    applications: Sequence[ApplicationReceived]
    recorded_at: Mapping[str, datetime]  # when each receipt was recorded, which for paper is later than it arrived
    refused: frozenset[str]  # receipts taken out before there were rounds
    machines: Iterable[Machine]


def publish(entries: Sequence[Entry[Any]], inputs: Inputs) -> dict[str, Any]:
    """Return the log as JSON-ready data; `entries` are the call's, its seeds after the closings they belong to.

    Raises ValueError when they do not begin with the opening.
    """
    opened = next((entry.event for entry in entries if isinstance(entry.event, CallOpened)), None)
    if opened is None:
        raise ValueError("a log begins with the opening of its call")
    known = {machine.item: machine for machine in inputs.machines}
    fixed = {e.event.round: e.event.stock for e in entries if isinstance(e.event, CallClosed)}
    steps = []
    for entry in _in_order(entries):
        event = entry.event
        said = event.model_dump(mode="json", exclude={"call", "number", "rule", "reviewer", "confirmer"})
        if isinstance(event, CallClosed):
            said |= {"entry": str(entry.id), "digest": entry.digest.hex()}
        if isinstance(event, Allocated):
            said["queue"] = [_queued(each, inputs) for each in _queue(event, inputs)]
            named = known | {machine.item: machine for machine in fixed[event.round] or ()}  # as the closing says them
            said["stock"] = [named[item].model_dump(mode="json") for item in event.stock]
        if isinstance(event, Allocated | MovedOn):
            said["grants"] = [
                {"receipt": grant.receipt, "items": [str(item) for item in grant.items]} for grant in event.grants
            ]
        steps.append({"step": STEP[type(event)], "recorded_at": moment(entry.recorded_at)} | said)
    return {"format": FORMAT, "call": opened.model_dump(mode="json"), "steps": steps}


def cited(entries: Iterable[Entry[Any]]) -> list[dict[str, Any]]:
    """Return where entries stand in the ledger, and what the transparency log holds of them."""
    return [
        {
            "entry": str(entry.id),
            "stream": str(entry.stream),
            "sequence": entry.sequence,
            "kind": entry.kind,
            "digest": entry.digest.hex(),
        }
        for entry in entries
    ]


@dataclass(frozen=True, slots=True)
class Result:
    """What doing a log again came to: the receipts with what each holds in the end, and what differs."""

    number: str
    rule: str
    held: Mapping[str, tuple[str, ...]]
    waiting: tuple[str, ...]
    differences: tuple[str, ...]


def recompute(document: Mapping[str, Any]) -> Result:
    """Do a log again from the log alone. Raises ValueError, KeyError or TypeError for what is no log."""
    if document["format"] != FORMAT:
        raise ValueError(f"this is no {FORMAT}")
    again = _Again(CallOpened.model_validate(document["call"]))
    for nth, said in enumerate(document["steps"], 1):
        again.events += again.step(said)
        again.differing += [f"step {nth}: {wrong}" for wrong in again.wrong]
        again.wrong = []
    done = fold(again.events)
    held = {receipt: tuple(str(item) for item in grant.items) for receipt, grant in done.held.items()}
    return Result(again.opened.number, again.opened.rule, held, done.waiting, tuple(again.differing))


class _Again:
    """A log while it is done again."""

    def __init__(self, opened: CallOpened) -> None:
        self.opened = opened
        self.events: list[Event] = [opened]
        self.queue: list[ApplicationReceived] = []
        self.closing = b""
        self.wrong: list[str] = []
        self.differing: list[str] = []

    def step(self, said: Mapping[str, Any]) -> list[Event]:
        """Return the events of one step: as said where it is an input, decided again where it is a result."""
        facts = {**said, "call": self.opened.call, "number": self.opened.number}
        match said["step"]:
            case "closed":
                self.closing = bytes.fromhex(said["digest"])
                return [CallClosed.model_validate(facts)]
            case "drawn":
                return [self._drawn(SeedDrawn.model_validate(facts))]
            case "round-opened" | "reviewed" | "confirmed" as given:
                return [GIVEN[given].model_validate(facts | {"reviewer": NOBODY, "confirmer": NOBODY})]
            case "allocated":
                self.queue = [_received(each, self.opened) for each in said["queue"]]
                stock = [Machine.model_validate(machine) for machine in said["stock"]]
                self._hold_to_closing(stock)
                return self._decided(said, lambda call: call.settle(self.queue, stock))
            case "moved-on":
                left = set(said.get("out") or ())
                waiting = [each for each in self.queue if each.receipt not in left]
                return self._decided(said, lambda call: call.move_on(said["receipt"], waiting))
            case other:
                raise ValueError(f"{other!r} is no step of a log")

    def _hold_to_closing(self, stock: Sequence[Machine]) -> None:
        """Note where a lottery was allocated from another stock than its closing named."""
        drawn_for = fold(self.events).drawn_for
        if drawn_for is not None and list(drawn_for) != list(stock):
            self.wrong.append("the stock is not what the closing named")

    def _drawn(self, event: SeedDrawn) -> SeedDrawn:
        """Follow the seed from the closing's digest and the log's proof; go on with what follows from them."""
        try:
            size, root = draw.checkpoint_root(event.checkpoint)
            head = draw.head(self.closing, event.index, size, event.path, root)
        except draw.BadProof as bad:
            self.wrong.append(f"the proof that the closing stands in the log does not hold: {bad}")
            head = bytes.fromhex(event.head)
        seed = draw.seed(event.call, event.round, head).hex()
        if (head.hex(), seed) != (event.head, event.seed):
            self.wrong.append("the seed is not the one that follows from the log")
        return event.model_copy(update={"head": head.hex(), "seed": seed})

    def _decided(self, said: Mapping[str, Any], decide: Callable[[Call], Allocated | MovedOn]) -> list[Event]:
        """Decide a step again and note what the log says otherwise."""
        try:
            done = decide(fold(self.events))
        except Refused as refusal:
            self.wrong.append(f"the rules refuse this step: {refusal.en}")
            return []
        self.wrong += _differences(said, done)
        return [done]


def _differences(said: Mapping[str, Any], done: Allocated | MovedOn) -> list[str]:
    claimed = {grant["receipt"]: tuple(grant["items"]) for grant in said["grants"]}
    computed = {grant.receipt: tuple(str(item) for item in grant.items) for grant in done.grants}
    found = []
    for receipt in sorted(claimed.keys() | computed.keys()):
        one, other = claimed.get(receipt, ()), computed.get(receipt, ())
        if len(one) != len(other):
            found.append(f"{receipt}: the log grants {len(one)}, done again {len(other)}")
        elif one != other:
            found.append(f"{receipt}: the log grants other machines than doing it again")
    if list(said["waiting"]) != list(done.waiting):
        found.append("the waiting list differs")
    if list(said["left"]) != [str(item) for item in done.left]:
        found.append("what is left differs")
    if isinstance(done, MovedOn) and list(said["freed"]) != [str(item) for item in done.freed]:
        found.append("what was freed differs")
    return found


def _in_order(entries: Sequence[Entry[Any]]) -> list[Entry[Any]]:
    """Return the steps, each seed after the closing of its round."""
    seeds = {entry.event.round: entry for entry in entries if isinstance(entry.event, SeedDrawn)}
    ordered = []
    for entry in entries:
        if type(entry.event) in STEP and not isinstance(entry.event, SeedDrawn):
            ordered.append(entry)
            if isinstance(entry.event, CallClosed) and entry.event.round in seeds:
                ordered.append(seeds[entry.event.round])
    return ordered


def _queue(event: Allocated, inputs: Inputs) -> list[ApplicationReceived]:
    out = inputs.refused if event.out is None else frozenset(event.out)
    return [each for each in inputs.applications if each.round <= event.round and each.receipt not in out]


def _queued(each: ApplicationReceived, inputs: Inputs) -> dict[str, Any]:
    kept = {"application", "receipt", "category", "units", "channel", "round"}
    clocks = {"arrived_at": moment(each.arrived_at), "recorded_at": moment(inputs.recorded_at[each.receipt])}
    return each.model_dump(mode="json", include=kept) | clocks


def _received(said: Mapping[str, Any], opened: CallOpened) -> ApplicationReceived:
    arrived = datetime.fromisoformat(said["arrived_at"])
    return ApplicationReceived.model_validate({**said, "call": opened.call, "arrived_at": arrived})
