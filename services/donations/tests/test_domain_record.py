"""The log of an allocation: under every rule, over rounds and withdrawals, the file alone gives the same result."""

import json
from base64 import b64encode
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.donations.domain import draw
from services.donations.domain import marks as review_marks
from services.donations.domain.call import Call, fold
from services.donations.domain.record import Inputs, cited, publish, recompute
from services.donations.tests.conftest import a_call
from services.donations.tests.test_domain_allocation import CAPS, application, machines
from services.donations.tests.test_domain_draw import leaves, proof, root
from shared.events.donations import (
    ApplicationReceived,
    Criterion,
    Machine,
    Marks,
    Reviewed,
    RoundOpened,
    Rule,
    SeedDrawn,
)
from shared.ids import uuid7
from shared.testing import NOW, Growing

CRITERIA = (Criterion(code="need", name="必要性", points_max=9),)


class Town:
    """A call while it is lived, with nothing but the domain."""

    def __init__(self, rule: Rule, random: Random) -> None:
        self.random, self.stream = random, Growing()
        self.queue: list[ApplicationReceived] = []
        self.out: set[str] = set()
        self.stock: list[Machine] = []
        criteria = CRITERIA if rule == "review" else ()
        self.stream.add(a_call(rule=rule, criteria=criteria, units=random.randint(1, 6)))

    @property
    def call(self) -> Call:
        return fold([entry.event for entry in self.stream.entries])

    @property
    def standing(self) -> list[ApplicationReceived]:
        return [each for each in self.queue if each.receipt not in self.out]

    @property
    def free(self) -> list[Machine]:
        held = {item for grant in self.call.held.values() for item in grant.items}
        return [machine for machine in self.stock if machine.item not in held]

    def apply(self, count: int) -> None:
        for _ in range(count):
            category = self.random.choice([*CAPS, "school"])
            nth = len(self.queue) + 1
            made = application(nth, category, self.random.randint(1, 6), self.random.randint(0, 3))
            facts = {"round": self.call.round, "arrived_at": made.arrived_at + timedelta(days=self.call.round)}
            self.queue.append(made.model_copy(update=facts))

    def decide(self) -> None:
        call = self.call
        closing = self.stream.add(call.close(self.free))
        if call.opened and call.opened.rule == "lottery":
            digests = [*leaves(self.random.randint(0, 9)), closing.digest, *leaves(self.random.randint(0, 9))]
            index = digests.index(closing.digest)
            checkpoint = f"log\n{len(digests)}\n{b64encode(root(digests)).decode()}\n"
            head = draw.head(closing.digest, index, len(digests), proof(digests, index), root(digests))
            seed = draw.seed(call.opened.call, call.round, head).hex()
            facts: dict[str, Any] = {"index": index, "path": proof(digests, index), "checkpoint": checkpoint}
            facts |= {"call": call.opened.call, "round": call.round, "closing": closing.id}
            self.stream.add(self.call.draw(SeedDrawn(**facts, head=head.hex(), seed=seed)))
        if call.opened and call.opened.rule == "review":
            marks = tuple(
                Marks(
                    application=each.application,
                    receipt=each.receipt,
                    points={"need": self.random.randint(0, 9)},
                    reason_sha256="00",
                )
                for each in self.standing
            )
            asked = Reviewed(call=call.opened.call, round=0, marks=marks, reviewer="one")
            review = self.stream.add(review_marks.give(self.call, asked, self.standing))
            self.stream.add(review_marks.confirm(self.call, review.id, "other", self.standing))
        stock = self.random.sample(self.free, len(self.free))
        shuffled = self.random.sample(self.standing, len(self.standing))
        self.stream.add(self.call.settle(shuffled, stock, self.out))

    def leave(self, count: int) -> None:
        for _ in range(count):
            call = self.call
            if not (leaving := sorted({*call.held, *call.waiting})):
                return
            receipt = self.random.choice(leaving)
            self.stream.add(call.move_on(receipt, self.standing))
            self.out.add(receipt)

    def go_on(self) -> None:
        asked = RoundOpened(
            call=uuid7(),
            number="-",
            round=2,
            item_kinds=("notebook", "desktop"),
            units=self.random.randint(1, 6),
            opens_at=NOW,
            closes_at=NOW + timedelta(days=3),
        )
        self.stream.add(self.call.open_round(asked))

    def log(self) -> Any:
        recorded = {each.receipt: each.arrived_at for each in self.queue}
        document = publish(self.stream.entries, Inputs(self.queue, recorded, frozenset(), self.stock))
        return json.loads(json.dumps(document | {"entries": cited(self.stream.entries)}))


@pytest.mark.parametrize("rule", ["first-come", "lottery", "review"])
@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_published_record_alone_gives_the_same_result(rule: Rule, random: Random) -> None:
    town = Town(rule, random)
    for round_ in range(random.randint(1, 3)):
        if round_:
            town.go_on()
        town.stock = [*machines(6 * round_ + random.randint(0, 5)), *machines(round_ * 2, "notebook")]
        town.apply(random.randint(0, 8))
        if (fresh := [each for each in town.standing if each.round == town.call.round]) and random.random() < 0.3:
            town.out.add(random.choice(fresh).receipt)
        town.decide()
        town.leave(random.randint(0, 3))
    done, call = recompute(town.log()), town.call
    assert done.differences == ()
    assert {receipt: tuple(map(str, grant.items)) for receipt, grant in call.held.items()} == done.held
    assert done.waiting == call.waiting
    asked = {each.receipt: each for each in town.queue}
    given_ = [item for items in done.held.values() for item in items]
    assert len(given_) == len(set(given_))
    assert all(len(items) <= CAPS[asked[receipt].category] for receipt, items in done.held.items())
    assert not town.out & {*done.held, *done.waiting}


def test_a_log_names_what_the_transparency_log_holds_and_nobody() -> None:
    town = Town("review", Random(7))
    town.stock = machines(3)
    town.apply(5)
    town.decide()
    document = town.log()
    assert [each["digest"] for each in document["entries"]] == [one.digest.hex() for one in town.stream.entries]
    said = json.dumps(document)
    assert not [word for word in ("reviewer", "confirmer", '"one"', "keyed_by", "clerk") if word in said]
