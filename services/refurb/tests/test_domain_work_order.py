"""The rules as a text table, and a machine that walks at random: no chassis leaves with an open medium."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.refurb.domain import plan
from services.refurb.domain.work_order import GRADE, MEDIA_PROOF, NEW_SSD, WorkOrder, evolve, fold
from shared.entry import Event
from shared.events.refurb import PartReplaced, PlanStep, Ready, Recycled, Spec, StepDone, Weight, WorkStarted
from shared.events.tracking import Medium, MediumCleared
from shared.ids import uuid7
from shared.refused import Refused, Unknown

ITEM = uuid7()
LABEL = "7K3D9Q2MX"
OLD = (Medium(id=uuid7(), kind="hdd", serial="OLD-1"), Medium(id=uuid7(), kind="hdd", serial="OLD-2"))
SPEC = Spec(os="Windows 11 Home", ssd_gb=240, memory_gb=8, office="LibreOffice", support_months=3)
IRON = Weight(material="ferrous", kg=4.2)

Act = Callable[[WorkOrder, Sequence[Medium]], Sequence[Event]]


def swap(order: WorkOrder, serial: str = "NEW-1", capacity_gb: int = 240) -> list[Event]:
    part = order.swap(maker=None, model="SX", serial=serial, capacity_gb=capacity_gb, originals=OLD)
    return [part, evolve(order, part).do("ssd")]


ACTS: dict[str, Act] = {
    "accept": lambda o, _: [o.accept("B", ["傷あり"])],
    "accept-silent": lambda o, _: [o.accept("B", [" "])],
    "reject": lambda o, _: [o.reject(["起動しない"])],
    "swap": lambda o, _: swap(o),
    "swap-again": lambda o, _: swap(o, "NEW-2"),
    "swap-small": lambda o, _: swap(o, "NEW-3", 128),
    "swap-old": lambda o, _: swap(o, " old-2 "),
    "ssd": lambda o, _: [o.do("ssd")],
    "os": lambda o, _: [o.do("os")],
    "cleaning": lambda o, _: [o.do("cleaning")],
    "support": lambda o, _: [o.do("support")],
    "ready": lambda o, media: [o.finish(SPEC, media)],
    "deliver": lambda o, media: o.deliver(media),
    "recycle": lambda o, media: [o.recycle([IRON], "M-1", "再生金属", media)],
    "recycle-twice-iron": lambda o, media: [o.recycle([IRON, IRON], "M-1", "再生金属", media)],
    "recycle-grams": lambda o, media: [o.recycle([Weight(material="ferrous", kg=4200)], "M-1", "再生金属", media)],
}

# route | what was done before | original media open | what is asked | stage it leads to, or code: missing
TABLE = """
reuse   |             | 2 | accept             | working
reuse   |             | 0 | accept-silent      | no-reason:
reuse   |             | 0 | reject             | to-recycle
reuse   |             | 0 | swap               | not-accepted: 等級
reuse   |             | 0 | ready              | not-ready: 等級, SSD換装, OS導入, クリーニング, サポート設定
reuse   |             | 0 | deliver            | not-ready: 等級, SSD換装, OS導入, クリーニング, サポート設定
reuse   |             | 0 | recycle            | route-reuse:
reuse   | accept      | 0 | accept             | already-accepted:
reuse   | accept      | 0 | reject             | already-accepted:
reuse   | accept      | 0 | ssd                | no-new-medium: 新SSD
reuse   | accept      | 0 | swap-old           | original-medium:
reuse   | accept      | 2 | swap               | working
reuse   | accept      | 0 | os                 | step-order: SSD換装
reuse   | accept      | 0 | support            | step-order: SSD換装, OS導入, クリーニング
reuse   | accept swap | 0 | ssd                | step-done:
reuse   | accept swap | 0 | swap               | same-medium:
reuse   | accept swap | 0 | cleaning           | step-order: OS導入
reuse   | again       | 0 | support            | step-order: OS導入
reuse   | again os    | 0 | support            | working
reuse   | three       | 1 | ready              | media-open: 媒体, サポート設定
reuse   | three       | 0 | ready              | not-ready: サポート設定
reuse   | four        | 1 | ready              | media-open: 媒体
reuse   | small       | 0 | ready              | spec-differs:
reuse   | four        | 0 | deliver            | not-ready:
reuse   | four        | 0 | ready              | ready
reuse   | done        | 0 | ready              | already-ready:
reuse   | done        | 0 | swap-again         | already-ready:
reuse   | done        | 1 | deliver            | media-open: 媒体
reuse   | done        | 0 | deliver            | delivered
reuse   | all         | 0 | deliver            | already-delivered:
reuse   | all         | 0 | recycle            | route-reuse:
reuse   | reject      | 0 | accept             | route-recycle:
reuse   | reject      | 0 | ready              | route-recycle:
reuse   | reject      | 0 | recycle            | recycled
recycle |             | 0 | accept             | route-recycle:
recycle |             | 0 | swap               | route-recycle:
recycle |             | 0 | deliver            | route-recycle:
recycle |             | 1 | recycle            | media-open: 媒体
recycle |             | 0 | recycle            | recycled
recycle |             | 0 | recycle-twice-iron | material-twice:
recycle |             | 0 | recycle-grams      | too-heavy:
recycle | recycle     | 0 | recycle            | already-recycled:
"""
WAYS = {
    "three": "accept swap os cleaning",
    "four": "accept swap os cleaning support",
    "small": "accept swap-small os cleaning support",
    "again": "accept swap os cleaning swap-again",
    "done": "accept swap os cleaning support ready",
    "all": "accept swap os cleaning support ready deliver",
}
SHORT = {"媒体": MEDIA_PROOF, "等級": GRADE, "新SSD": NEW_SSD}
ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]


def opened(route: Any = "reuse") -> WorkOrder:
    return fold([WorkStarted(item=ITEM, label=LABEL, item_kind="desktop", route=route)])


def after(order: WorkOrder, act: str, media: Sequence[Medium] = ()) -> WorkOrder:
    for event in ACTS[act](order, media):
        order = evolve(order, event)
    return order


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {row[1]} → {row[3]}")
def test_every_rule_of_a_work_order(row: list[str]) -> None:
    route, before, media_open, asked, wanted = row
    order = opened(route)
    for way in before.split():
        for act in WAYS.get(way, way).split():
            order = after(order, act)
    media = OLD[: int(media_open)]
    code, colon, missing = wanted.partition(":")
    if not colon:
        assert after(order, asked, media).stage == wanted
        return
    with pytest.raises(Refused) as no:
        after(order, asked, media)
    wants = [SHORT.get(word.strip(), word.strip()) for word in missing.split(",") if word.strip()]
    assert (no.value.code, list(no.value.missing)) == (code, wants)
    assert no.value.ja.endswith("。")
    assert no.value.en.endswith(".")


def test_a_refusal_for_an_open_medium_says_its_serial_and_no_other() -> None:
    order = opened()
    for act in WAYS["four"].split():
        order = after(order, act)
    with pytest.raises(Refused) as no:
        order.finish(SPEC, OLD[1:])
    for said in (no.value.ja, no.value.en, str(no.value.detail["media"])):
        assert "OLD-2" in said
        assert "OLD-1" not in said


def test_a_second_swap_keeps_the_first_in_the_history_and_the_last_in_the_order() -> None:
    order = after(after(after(opened(), "accept"), "swap"), "os")
    again = after(order, "swap-again")
    assert order.ssd is not None
    assert again.ssd is not None
    assert (order.ssd.serial, again.ssd.serial) == ("NEW-1", "NEW-2")
    assert again.done == ("ssd",)


def test_an_unknown_event_and_a_history_without_its_start_are_errors_and_an_empty_one_is_unknown() -> None:
    foreign = MediumCleared(item=ITEM, medium=OLD[0].id, media_open=0)
    with pytest.raises(ValueError, match="no event of a work order"):
        evolve(opened(), foreign)
    with pytest.raises(ValueError, match="begins with its start"):
        fold([StepDone(item=ITEM, step="os")])
    with pytest.raises(ValueError, match="deliver"):
        after(opened(), "accept").do("delivery")
    with pytest.raises(Unknown):
        fold([])


OWN = tuple(PlanStep(code=f"own-{nth}", ja=f"独自の工程{nth}", en=f"Own step {nth}") for nth in range(3))


@st.composite
def plans(draw: st.DrawFn) -> tuple[PlanStep, ...]:
    """Any plan that may stand: some of the known steps and of the centre's own, a new medium before its system."""
    some = draw(st.lists(st.sampled_from([*plan.STANDARD, *OWN]), unique=True, min_size=1))
    codes = [one.code for one in some]
    if {"ssd", "os"} <= set(codes) and codes.index("os") < codes.index("ssd"):
        one, other = codes.index("os"), codes.index("ssd")
        some[one], some[other] = some[other], some[one]
    return tuple(some)


class Workshop(RuleBasedStateMachine):
    """Acts in any order while media are cleared and reopened; what was decided must hold whatever the way."""

    def __init__(self) -> None:
        super().__init__()
        self.order = opened()
        self.history: list[Event] = []
        self.open: set[str] = {medium.serial for medium in OLD}
        self.steps: tuple[PlanStep, ...] = plan.STANDARD

    @initialize(steps=plans())
    def planned(self, steps: tuple[PlanStep, ...]) -> None:
        self.steps = steps

    @property
    def media(self) -> tuple[Medium, ...]:
        return tuple(medium for medium in OLD if medium.serial in self.open)

    @rule(serial=st.sampled_from([medium.serial for medium in OLD]), cleared=st.booleans())
    def weigh(self, serial: str, *, cleared: bool) -> None:
        (self.open.discard if cleared else self.open.add)(serial)

    @rule(act=st.sampled_from([*sorted(ACTS), *(one.code for one in OWN)]))
    def try_to(self, act: str) -> None:
        try:
            events = self._events(act)
        except Refused:
            return
        if isinstance(events[-1], Recycled) or any(isinstance(event, Ready) for event in events):
            assert not self.open
        if act == "deliver":
            assert not self.open
            assert self.order.ready
        for event in events:
            self.order = evolve(self.order, event)
            self.history.append(event)

    def _events(self, act: str) -> Sequence[Event]:
        if act == "accept":
            return [self.order.accept("B", ["傷あり"], steps=self.steps)]
        return ACTS[act](self.order, self.media) if act in ACTS else [self.order.do(act)]

    @rule()
    def walk_on(self) -> None:
        """Take the next step that the order itself names, so that long ways are walked too."""
        following = self.order.next_step
        code = following.code if following else "deliver"
        todo = {"ssd": "swap", "delivery": "ready"}.get(code, code) if self.order.accepted else "accept"
        self.try_to("deliver" if self.order.ready else todo)

    @invariant()
    def what_is_done_follows_from_what_was_recorded(self) -> None:
        order = self.order
        assert len(set(order.done)) == len(order.done)
        assert set(order.done) <= {one.code for one in (*self.steps, plan.DELIVERY)}
        assert ("ssd" not in order.done) or any(isinstance(event, PartReplaced) for event in self.history)
        assert not (order.delivered and order.recycled)
        assert sum(isinstance(event, Ready) for event in self.history) <= 1
        assert sum(isinstance(event, Recycled) for event in self.history) <= 1
        if order.ready:
            assert {one.code for one in self.steps} == set(order.done) - {"delivery"}
            assert order.missing_before_ready(()) == ()
        assert fold([WorkStarted(item=ITEM, label=LABEL, item_kind="desktop", route="reuse"), *self.history]) == order


TestWorkshop = Workshop.TestCase
TestWorkshop.settings = settings(max_examples=60, stateful_step_count=40)


@given(steps=plans())
def test_every_plan_leads_from_acceptance_to_delivery_in_its_order_and_in_no_other(steps: tuple[PlanStep, ...]) -> None:
    order = evolve(opened(), opened().accept("A", ["良好"], steps=steps))
    assert order.missing_before_ready(()) == tuple(one.ja for one in steps)
    for nth, step in enumerate(steps):
        for later in steps[nth + 1 :]:
            with pytest.raises(Refused) as no:
                order.do(later.code)
            assert no.value.code == "step-order"
            assert step.ja in no.value.missing
        assert order.next_step == step
        for event in swap(order) if step.code == "ssd" else [order.do(step.code)]:
            assert not isinstance(event, StepDone) or event.name == (None if step.code in plan.KNOWN else step)
            order = evolve(order, event)
    assert after(after(order, "ready"), "deliver").stage == "delivered"


def test_a_step_of_another_plan_is_refused_by_name_and_an_acceptance_without_steps_means_the_pilots() -> None:
    order = after(opened(), "accept")
    assert order.accepted is not None
    assert (order.accepted.steps, order.steps) == ((), plan.STANDARD)
    with pytest.raises(Refused) as no:
        order.do("own-1")
    assert no.value.code == "no-such-step"
    assert "「SSD換装」「OS導入」「クリーニング」「サポート設定」「納品」" in no.value.ja
