"""The window of a call's round: moments that can be meant, and where the round stands by the clock."""

from datetime import datetime
from typing import Literal

from shared.events.donations import CallOpened, RoundOpened
from shared.refused import Invalid

Stage = Literal["ahead", "open", "over", "closed", "settled"]
YEARS = range(2000, 2100)  # of a call's window; anything else is a slip of the finger


def refuse_window(opens_at: datetime, closes_at: datetime) -> None:
    """Raise Invalid for a window that ends before it begins, or lies in no year anybody means."""
    if opens_at >= closes_at:
        raise Invalid(
            "bad-window",
            "締切が開始より前です。応募期間を直してください。",
            "The call would close before it opens. Correct its window.",
            field="closes_at",
        )
    if opens_at.year not in YEARS or closes_at.year not in YEARS:
        raise Invalid(
            "bad-window",
            f"{YEARS[0]}年から{YEARS[-1]}年までの日時にしてください。",
            f"Give moments from {YEARS[0]} to {YEARS[-1]}.",
            field="opens_at" if opens_at.year not in YEARS else "closes_at",
        )


def stage(call: CallOpened | RoundOpened, *, closed: bool, allocated: bool, now: datetime) -> Stage:
    """Tell where a call stands by the clock as well: before its window (ahead), in it, or over and not yet closed."""
    if allocated:
        return "settled"
    if closed:
        return "closed"
    return "ahead" if now < call.opens_at else "open" if now < call.closes_at else "over"
