from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tracking.domain import cage, exemption
from services.tracking.tests.test_domain_item import registered
from shared.events.tracking import CageOpened
from shared.refused import Refused

CAGE, ENGAGEMENT = UUID(int=1), UUID(int=2)
ITEMS = tuple(UUID(int=n) for n in range(10, 30))


def sealed() -> cage.Cage:
    folded = cage.fold([cage.seal(cage=CAGE, number="3", engagement=ENGAGEMENT, seal_number="4819", items=ITEMS)])
    assert folded
    return folded


@given(st.lists(st.sampled_from([*ITEMS, UUID(int=99), UUID(int=98)]), max_size=40), st.booleans(), st.booleans())
def test_what_goes_in_comes_out_or_the_difference_has_names(
    found: list[UUID], right_seal: bool, confirmed: bool
) -> None:
    try:
        opened = sealed().open(seal_seen="4819" if right_seal else "9999", found=found, confirmed=confirmed)
    except Refused as refusal:
        assert refusal.code == "difference"
        assert not confirmed
        assert not right_seal or set(found) != set(ITEMS)
    else:
        assert opened.expected + len(opened.surplus) - len(opened.missing) == opened.found
        assert set(opened.missing) == set(ITEMS) - set(found)
        assert set(opened.surplus) == set(found) - set(ITEMS)
        assert opened.seal_matches is right_seal
        assert confirmed or (right_seal and not opened.missing and not opened.surplus)


def test_a_number_counts_however_a_keyboard_wrote_it() -> None:
    made = cage.seal(cage=CAGE, number="カゴ１ ", engagement=ENGAGEMENT, seal_number="４８１９", items=ITEMS)
    assert (made.number, made.seal) == ("カゴ1", "4819")
    opened = cage.Cage(made).open(seal_seen=" ４８１９", found=ITEMS, confirmed=False)
    assert (opened.seal_seen, opened.seal_matches) == ("4819", True)
    older = cage.Cage(made.model_copy(update={"seal": "４８１９"}))  # as it was recorded before numbers were folded
    assert older.open(seal_seen="4819", found=ITEMS, confirmed=False).seal_matches


def test_a_cage_is_confirmed_once() -> None:
    known = cage.Cage(
        sealed().sealed,
        CageOpened(cage=CAGE, engagement=ENGAGEMENT, seal_seen="1", seal_matches=True, expected=20, found=20),
    )
    with pytest.raises(Refused, match="もう確定"):
        known.open(seal_seen="4819", found=ITEMS, confirmed=True)


def test_an_empty_or_overfull_cage_is_not_sealed() -> None:
    for items, code in (((), "empty-cage"), (tuple(UUID(int=n) for n in range(101)), "cage-full")):
        with pytest.raises(Refused) as refused:
            cage.seal(cage=CAGE, number="3", engagement=ENGAGEMENT, seal_number="1", items=items)
        assert refused.value.code == code


TABLE = """
request  worker  witness  exception-requested
request  worker  worker   two-persons
request+request worker witness already-requested
approve  boss    -        not-requested
request+approve boss - exception-approved
request+approve worker - two-persons
request+approve witness - two-persons
request+approve+approve boss - already-approved
"""


@pytest.mark.parametrize("line", [line for line in TABLE.splitlines() if line])
def test_an_exception_needs_a_witness_and_another_persons_approval(line: str) -> None:
    steps, person, witness, wanted = line.split()
    events: list[tuple[object, str]] = []
    outcome = ""
    for step in steps.split("+"):
        last = step == steps.split("+")[-1]
        state = exemption.fold(events)  # type: ignore[arg-type]  # pairs of event and person
        try:
            if step == "request":
                by = person if steps in ("request", "request+request") else "worker"
                named = witness if witness != "-" else "witness"
                event: object = state.request(registered(), CAGE, reason="x", witness=named, requester=by)
            else:
                by = person if last else "boss"
                event = state.approve(approver=by)
            events.append((event, by))
            outcome = event.kind.split(".")[1]  # type: ignore[attr-defined]  # an event
        except Refused as refusal:
            outcome = refusal.code
    assert outcome == wanted


def test_a_cage_is_handed_over_once_and_never_after_it_was_received() -> None:
    known = sealed()
    known.hand_over(gone=False)
    with pytest.raises(Refused, match="カゴ車 3 は、もう出庫を記録") as refused:
        known.hand_over(gone=True)
    assert refused.value.code == "already-shipped"
    opened = cage.Cage(known.sealed, known.open(seal_seen="4819", found=ITEMS, confirmed=False))
    with pytest.raises(Refused, match="カゴ車 3 の入庫はもう確定") as refused:
        opened.hand_over(gone=False)
    assert refused.value.code == "already-opened"
