from datetime import UTC, datetime
from uuid import UUID

from services.tracking.domain import custody
from services.tracking.domain.custody import Seen
from services.tracking.tests.test_domain_item import M1, M2, registered
from shared.events.tracking import MediumCleared, MediumReopened, Required
from shared.levels import Level

AT = datetime(2026, 11, 24, tzinfo=UTC)


def seen(kind: str, medium: UUID | None = None, level: Level | None = None, number: str | None = None) -> Seen:
    return Seen(kind, AT, UUID(int=7), medium, level, number)


DESTROYED, VERIFIED = "erasure.medium-destroyed.v1", "erasure.erasure-verified.v1"
ON_SITE = Required(media_class=3, on_site=Level.CLEAR, assurance="witnessed", policy_version="1")
ISSUED = seen("certificates.issued.v1", M1, None, "D-1")


def test_a_medium_is_cleared_when_the_last_thing_asked_of_it_is_proved_and_only_then() -> None:
    known = registered(media=(M1, M2))
    assert custody.clearance(known, M1, {M1: Level.PURGE}, ()) is None
    cleared = custody.clearance(known, M1, {M1: Level.DESTROY}, ())
    assert isinstance(cleared, MediumCleared)
    assert cleared.media_open == 1
    assert custody.clearance(known, M1, {M1: Level.DESTROY}, (cleared,)) is None
    assert isinstance(custody.clearance(known, M1, {}, (cleared,)), MediumReopened)


def test_what_is_proved_of_a_medium_in_doubt_does_not_count_unless_it_is_crushed() -> None:
    known = registered(media=(M1, M2)).model_copy(update={"required": ON_SITE})
    proved = {M1: Level.CLEAR, M2: Level.DESTROY}
    assert custody.clearance(known, M1, proved, (), doubted={M1, M2}) is None
    cleared = custody.clearance(known, M2, proved, (), doubted={M1, M2})
    assert isinstance(cleared, MediumCleared)
    assert cleared.media_open == 1
    for levels, reason in ((proved, "lot-in-doubt"), ({}, "evidence-withdrawn")):
        taken_back = custody.clearance(known, M1, levels, (cleared,), doubted={M1, M2})
        assert isinstance(taken_back, MediumReopened)
        assert taken_back.reason == reason
    assert custody.clearance(known, M2, proved, (cleared,), doubted={M1, M2}) is None


def test_a_recheck_that_finds_data_takes_the_erasure_back_until_it_is_proved_anew() -> None:
    erased = seen("erasure.medium-erased.v1", M1, Level.PURGE)
    failed = Seen(VERIFIED, AT, UUID(int=7), M1, disproved=True)
    passed = Seen(VERIFIED, AT, UUID(int=7), M1)
    assert custody.reached([erased, passed]) == {M1: Level.PURGE}
    assert custody.reached([erased, failed]) == {}
    assert custody.reached([erased, failed, erased]) == {M1: Level.PURGE}
    assert custody.reached([seen(DESTROYED, M1, Level.DESTROY), failed]) == {M1: Level.DESTROY}
    assert custody.reached([erased, seen("erasure.medium-erased.v1", M2, Level.CLEAR), failed]) == {M2: Level.CLEAR}


def test_a_report_graded_again_counts_with_its_last_grade_where_it_was_first_graded() -> None:
    erased, failed = "erasure.medium-erased.v1", "erasure.erasure-failed.v1"
    first = Seen(erased, AT, UUID(int=1), M1, Level.PURGE)
    other = Seen(erased, AT, UUID(int=2), M1, Level.CLEAR)
    lower = Seen(erased, AT, UUID(int=3), M1, Level.CLEAR, regrades=first.entry)
    none = Seen(failed, AT, UUID(int=4), M1, regrades=first.entry)
    found_data = Seen(VERIFIED, AT, UUID(int=5), M1, disproved=True)
    assert custody.reached([first, lower]) == {M1: Level.CLEAR}
    assert custody.reached([lower, first]) == {M1: Level.CLEAR}, "heard before what it stands for"
    assert custody.reached([lower]) == {}
    assert custody.reached([first, lower, none]) == {}
    assert custody.reached([first, other, none]) == {M1: Level.CLEAR}
    assert custody.reached([first, found_data, lower]) == {}, "a new table makes no new erasure"
    nothing = Seen(failed, AT, UUID(int=6), M1)
    assert custody.reached([nothing, Seen(erased, AT, UUID(int=8), M1, Level.PURGE, regrades=nothing.entry)]) == {
        M1: Level.PURGE
    }


def test_what_needs_no_certificate_closes_when_it_was_received() -> None:
    known = registered(media=(M1,)).model_copy(update={"required": ON_SITE})
    erased = seen("erasure.medium-erased.v1", M1, Level.CLEAR)
    assert custody.closing(known, [erased], {}, AT) is None
    assert custody.closing(known, [seen(custody.RECEIVED)], {}, AT) is None
    closed = custody.closing(known, [erased, seen(custody.RECEIVED)], {}, AT)
    assert closed
    assert [step.step for step in closed.steps] == ["erased", "received", "closed"]


def test_custody_closes_when_every_medium_is_destroyed_and_certified() -> None:
    known = registered(media=(M1, M2))
    both = [seen(DESTROYED, M1, Level.DESTROY), seen(DESTROYED, M2, Level.DESTROY), ISSUED]
    one = frozenset({"destruction"})
    assert custody.closing(known, both, {M1: one}, AT) is None
    assert custody.closing(known, both[:1], {M1: one, M2: one}, AT) is None
    closed = custody.closing(known, both, {M1: one, M2: one}, AT)
    assert closed
    assert [step.step for step in closed.steps] == ["destroyed", "closed"]
    assert closed.certificates == ("D-1",)


ERASED_ONLY = Required(
    media_class=2,
    on_site=Level.CLEAR,
    at_centre=Level.PURGE,
    assurance="onsite_erase_plus_certificate",
    policy_version="1",
)


def test_what_is_only_erased_closes_by_its_erasure_certificate_once_it_was_received() -> None:
    known = registered(media=(M1,)).model_copy(update={"required": ERASED_ONLY})
    erased, received = seen("erasure.medium-erased.v1", M1, Level.PURGE), seen(custody.RECEIVED)
    certified = {M1: frozenset({"erasure"})}
    assert custody.closing(known, [erased, received], {}, AT) is None
    assert custody.closing(known, [erased], certified, AT) is None, "certified in the town hall, its way is not over"
    assert custody.closing(known, [seen("erasure.medium-erased.v1", M1, Level.CLEAR), received], certified, AT) is None
    assert custody.closing(known, [erased, received], certified, AT)


def test_what_was_destroyed_though_an_erasure_was_enough_closes_by_the_certificate_of_its_destruction() -> None:
    known = registered(media=(M1,)).model_copy(update={"required": ERASED_ONLY})
    story = [seen("erasure.medium-erased.v1", M1, Level.PURGE), seen(custody.RECEIVED)]
    story.append(seen(DESTROYED, M1, Level.DESTROY))
    assert custody.closing(known, story, {M1: frozenset({"erasure"})}, AT) is None
    assert custody.closing(known, story, {M1: frozenset({"destruction"})}, AT)


def test_a_drive_that_could_not_be_erased_has_no_erasure_certificate_to_wait_for() -> None:
    known = registered()
    assert custody.certificates_required(known.required) == {"destruction"}
