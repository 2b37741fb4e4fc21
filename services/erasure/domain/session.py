"""An on-site session: one room, its machines, and racks that one scan stands for. Pure.

What an operator says of a rack is a claim about the work, never proof of a level: proof comes with the tools' reports.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

from shared.entry import Event
from shared.events.erasure import RackBegan, RackEnded, RackLoaded, SessionOpened
from shared.refused import Refused

State = Literal["loaded", "began", "ended"]
RACK_ITEMS_MAX = 100


@dataclass(frozen=True, slots=True)
class Rack:
    """What stands in a rack and how far it is."""

    items: tuple[UUID, ...]
    state: State = "loaded"
    exceptions: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """The state of one session, folded from its entries."""

    opened: SessionOpened
    racks: Mapping[str, Rack] = field(default_factory=dict)

    def load(self, rack: str, items: Sequence[UUID]) -> RackLoaded:
        """Say what stands in a rack. Raises Refused for one that has begun, or an item that stands in another."""
        known = self.racks.get(rack)
        if known and known.state == "began":
            raise Refused(
                "rack-began",
                "このラックは消去の途中です。終わったと記録してから、次の機器を載せてください。",
                "This rack is being erased. Record that it is done before loading the next machines.",
            )
        elsewhere = {
            item for name, one in self.racks.items() if name != rack and one.state != "ended" for item in one.items
        }
        if taken := elsewhere & set(items):
            raise Refused(
                "in-another-rack",
                f"ほかのラックに載っている機器が{len(taken)}台あります。ラベルを確かめてください。",
                f"{len(taken)} of these stand in another rack. Check the labels.",
            )
        if not 1 <= len(items) <= RACK_ITEMS_MAX:
            raise Refused(
                "rack-size",
                f"ラックに載せるのは1台から{RACK_ITEMS_MAX}台までです。",
                f"A rack holds one to {RACK_ITEMS_MAX} machines.",
            )
        return RackLoaded(session=self.opened.session, rack=rack, items=tuple(dict.fromkeys(items)))

    def begin(self, rack: str) -> RackBegan:
        """Say that a rack's machines were started. Raises Refused when it is not loaded or has begun before."""
        self._in(rack, "loaded")
        return RackBegan(session=self.opened.session, rack=rack)

    def end(self, rack: str, exceptions: Sequence[UUID]) -> RackEnded:
        """Say that a rack is done, but for exceptions. Raises Refused when it has not begun, or for a stranger."""
        known = self._in(rack, "began")
        if strangers := set(exceptions) - set(known.items):
            raise Refused(
                "not-in-rack",
                f"このラックに載っていない機器が{len(strangers)}台あります。ラベルを確かめてください。",
                f"{len(strangers)} of these do not stand in this rack. Check the labels.",
            )
        return RackEnded(session=self.opened.session, rack=rack, exceptions=tuple(dict.fromkeys(exceptions)))

    def _in(self, rack: str, state: State) -> Rack:
        known = self.racks.get(rack)
        if known and known.state == state:
            return known
        raise Refused(
            "rack-state",
            "このラックは、いまその記録ができません。ラックのラベルを読み取り直して、いまの状態を見てください。",
            "That cannot be recorded of this rack now. Scan its label again and look how it stands.",
        )


def fold(events: Iterable[Event]) -> Session | None:
    """Fold a session's events, oldest first; None for none. Raises ValueError for an event of something else."""
    state: Session | None = None
    for event in events:
        match event:
            case SessionOpened():
                state = Session(event)
            case RackLoaded() if state:
                state = replace(state, racks={**state.racks, event.rack: Rack(event.items)})
            case RackBegan() if state:
                state = _step(state, event.rack, Rack(state.racks[event.rack].items, "began"))
            case RackEnded() if state:
                state = _step(state, event.rack, Rack(state.racks[event.rack].items, "ended", event.exceptions))
            case other:
                raise ValueError(f"{other.kind} is not an event of a session")
    return state


def _step(state: Session, name: str, rack: Rack) -> Session:
    return replace(state, racks={**state.racks, name: rack})
