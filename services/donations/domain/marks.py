"""The marks of a review (審査): given to every application in the queue by one clerk, confirmed by another."""

from collections.abc import Iterable
from uuid import UUID

from services.donations.domain.call import Call
from shared.events.donations import ApplicationReceived, ReviewConfirmed, Reviewed
from shared.refused import Invalid, Refused


def give(call: Call, event: Reviewed, queue: Iterable[ApplicationReceived]) -> Reviewed:
    """Mark every application in the queue; marks given again replace the last ones, unconfirmed.

    Raises Refused when the call is not reviewed or not closed, Invalid for points that are none or missing marks.
    """
    opened = call.begun()
    call.refuse_unsettleable()
    most = {criterion.code: criterion.points_max for criterion in opened.criteria}
    if opened.rule != "review":
        raise Refused(
            "not-reviewed",
            "この公募は審査で決めません。公募の決め方を確かめてください。",
            "This call is not decided by a review. Check its rule.",
        )
    for marks in event.marks:
        if marks.points.keys() != most.keys() or not all(0 <= marks.points[code] <= most[code] for code in most):
            raise Invalid(
                "bad-points",
                f"{marks.receipt} の点が足りないか、範囲を超えています。観点ごとに入れてください。",
                f"The points of {marks.receipt} are missing or out of range. Give them for each criterion.",
                field="marks",
            )
    _refuse_unmarked(event, queue)
    return event.model_copy(update={"call": opened.call, "round": call.round})


def confirm(call: Call, review: UUID, confirmer: str, queue: Iterable[ApplicationReceived]) -> ReviewConfirmed:
    """Confirm the last marks as a second person. Raises Refused for the reviewer, and when there are none."""
    opened = call.begun()
    call.refuse_unsettleable()
    if call.reviewed is None:
        raise Refused(
            "nothing-reviewed",
            "まだ審査の点が記録されていません。先に点を記録してください。",
            "No marks have been recorded yet. Record them first.",
        )
    if call.reviewed.reviewer == confirmer:
        raise Refused(
            "same-eyes",
            "点を付けた人は確認できません。ほかの職員に確かめてもらってください。",
            "Who gave the marks cannot confirm them. Have a colleague look at them.",
        )
    _refuse_unmarked(call.reviewed, queue)
    return ReviewConfirmed(call=opened.call, round=call.round, review=review, confirmer=confirmer)


def _refuse_unmarked(event: Reviewed, queue: Iterable[ApplicationReceived]) -> None:
    marked = {one.application for one in event.marks}
    if missing := [each.receipt for each in queue if each.application not in marked]:
        raise Invalid(
            "not-marked",
            f"{missing[0]} に点がありません。列にあるすべての応募に点を入れてください。",
            f"{missing[0]} has no marks. Give every application in the queue its points.",
            field="marks",
        )
