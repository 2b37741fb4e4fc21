"""The rules of an item as a table: what happened before, what is asked, what the answer is."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tracking.domain import item
from shared.entry import Event
from shared.events.tracking import (
    ItemRegistered,
    Lease,
    Medium,
    Received,
    RecyclingChosen,
    Required,
    ReuseCandidateNamed,
    ShippedOut,
)
from shared.ids import uuid7
from shared.levels import Level
from shared.refused import Refused, Unknown

ITEM, M1, M2, CAGE = (UUID(int=n) for n in range(1, 5))


def registered(
    *, media: tuple[UUID, ...] = (M1,), on_site: Level | None = Level.PURGE, leased: bool = False
) -> ItemRegistered:
    return ItemRegistered(
        item=ITEM,
        label="7K3D9Q2MX",
        engagement=CAGE,
        item_kind="notebook",
        zone="mynumber",
        confidentiality="3",
        lease=Lease(lessor="見本リース", clause="8") if leased else None,
        media=tuple(Medium(id=one, kind="hdd", serial=f"S{one.int}") for one in media),
        required=Required(
            media_class=1, on_site=on_site, at_centre=Level.DESTROY, assurance="both", policy_version="1"
        ),
    )


SHIPPED = ShippedOut(item=ITEM, cage=CAGE, seal="4817", carrier="carrier-x")
RECEIVED = Received(item=ITEM, centre="centre-x")
NAMED = ReuseCandidateNamed(item=ITEM, label="7K3D9Q2MX", item_kind="notebook", media=(M1,))
CHOSEN = RecyclingChosen(item=ITEM, label="7K3D9Q2MX", item_kind="notebook")

HISTORIES: dict[str, tuple[Event, ...]] = {
    "nothing": (),
    "registered": (registered(),),
    "leased": (registered(leased=True), RECEIVED),
    "shipped": (registered(), SHIPPED),
    "received": (registered(), SHIPPED, RECEIVED),
    "candidate": (registered(), RECEIVED, NAMED),
    "recycling": (registered(), RECEIVED, CHOSEN),
}

TABLE = """
nothing     ship        purge   not-registered
registered  ship        purge   shipped-out
registered  ship        clear   evidence-missing
registered  ship        none    evidence-missing
registered  ship        except  shipped-out
shipped     ship        purge   already-shipped
registered  candidate   -       not-received
received    candidate   -       reuse-candidate-named
leased      candidate   -       leased
leased      recycling   -       leased
leased      recycling   reason  recycling-chosen
candidate   candidate   -       route-chosen
candidate   recycling   -       route-chosen
recycling   candidate   -       route-chosen
registered  receive     -       received
nothing     receive     -       not-registered
received    take-over   -       taken-over
registered  take-over   -       taken-over
"""


@pytest.mark.parametrize("line", [line for line in TABLE.splitlines() if line])
def test_the_rules_of_an_item(line: str) -> None:
    history, asked, evidence, wanted = line.split()
    reached = {M1: Level(evidence)} if evidence in ("clear", "purge") else {}
    excepted = {M1} if evidence == "except" else set()
    try:
        known = item.fold(HISTORIES[history])
        event: Event = {
            "ship": lambda: known.ship_out(
                cage=CAGE, seal="1", carrier="c", vehicle=None, reached=reached, excepted=excepted, doubted=set()
            ),
            "candidate": known.name_candidate,
            "recycling": lambda: known.choose_recycling("貸主の処分依頼書 R8-3" if evidence == "reason" else None),
            "receive": lambda: known.receive(cage=None, centre="centre-x"),
            "take-over": known.take_over,
        }[asked]()
    except Refused as refusal:
        assert refusal.code == wanted
        assert refusal.ja.endswith("。")
        assert refusal.en.endswith(".")
    else:
        assert event.kind == f"tracking.{wanted}.v1"


def test_ship_out_names_every_medium_that_is_not_proved() -> None:
    known = item.fold([registered(media=(M1, M2))])
    missing = known.missing_before_ship_out({M1: Level.CLEAR}, set(), doubted=set())
    assert [one.ja for one in missing] == [
        "S2：Purge（除去）以上の消去の証跡（いまはClear（消去））",
        "S3：Purge（除去）以上の消去の証跡（いまは証跡なし）",
    ]
    assert [one.en for one in missing] == [
        "S2: evidence of Purge or more (now Clear)",
        "S3: evidence of Purge or more (now no evidence)",
    ]


def test_a_medium_in_doubt_is_lacking_although_it_is_proved_unless_it_is_excepted_or_crushed() -> None:
    known = item.fold([registered(media=(M1, M2))])
    proved = {M1: Level.PURGE, M2: Level.CLEAR}
    missing = known.missing_before_ship_out(proved, set(), doubted={M1, M2})
    assert [one.ja.partition("。")[0] for one in missing] == [
        "S2：この契約の再確認に不合格があり、確かめ直す前です",
        "S3：Purge（除去）以上の消去の証跡（いまはClear（消去））",
    ]
    assert missing[0].en.startswith("S2: a re-check in this engagement failed")
    assert known.missing_before_ship_out(proved, {M1, M2}, doubted={M1, M2}) == ()
    assert known.missing_before_ship_out(dict.fromkeys(proved, Level.DESTROY), set(), doubted={M1, M2}) == ()


def test_an_event_of_somebody_else_in_the_history_is_an_error() -> None:
    with pytest.raises(ValueError, match="cage-sealed"):
        item.fold([registered(), _foreign()])
    with pytest.raises(ValueError, match="begins with its registration"):
        item.fold([RECEIVED])
    with pytest.raises(Unknown):
        item.fold([])


@given(st.lists(st.sampled_from(["ship", "receive", "candidate", "recycling", "take-over"]), max_size=12))
def test_whatever_is_asked_in_whatever_order_an_item_leaves_at_most_once_and_takes_one_route(asked: list[str]) -> None:
    events: list[Event] = [registered()]
    for one in asked:
        known = item.fold(events)
        try:
            match one:
                case "ship":
                    events.append(
                        known.ship_out(
                            cage=CAGE,
                            seal="1",
                            carrier="c",
                            vehicle=None,
                            reached={M1: Level.PURGE},
                            excepted=set(),
                            doubted=set(),
                        )
                    )
                case "receive":
                    events.append(known.receive(cage=None, centre="centre-x"))
                case "candidate":
                    events.append(known.name_candidate())
                case "recycling":
                    events.append(known.choose_recycling(None))
                case _:
                    events.append(known.take_over())
        except Refused:
            continue
    kinds = [event.kind for event in events]
    assert kinds.count("tracking.shipped-out.v1") <= 1
    assert kinds.count("tracking.reuse-candidate-named.v1") + kinds.count("tracking.recycling-chosen.v1") <= 1


def _foreign() -> Event:
    from shared.events.tracking import CageSealed

    return CageSealed(cage=CAGE, number="1", engagement=uuid7(), seal="1", items=(ITEM,))
