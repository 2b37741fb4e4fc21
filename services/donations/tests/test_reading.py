"""What an applicant is told of where the application stands, by the clock too."""

from datetime import timedelta

from services.donations import commands, reading
from services.donations.domain.applicant import Applicant
from services.donations.tests.conftest import a_call
from shared.ids import uuid7
from shared.testing import NOW, Service


async def test_nothing_is_shown_as_correctable_once_the_rounds_time_is_over(made: Service) -> None:
    async with made.acting() as tx:
        call = (await commands.open_call(tx, a_call())).event
    who = Applicant("向町一区", "見本 太郎", "大字向町644", "0233-43-2261", "")
    async with made.acting(request=uuid7(), at=NOW) as tx:
        receipt = (await commands.apply(tx, call.call, "hamlet", 1, who)).event.receipt
    second = timedelta(seconds=1)
    async with made.acting() as tx:
        shown = [
            (await reading.standing(tx.connection, call.call, receipt, at))["correctable"]
            for at in (call.closes_at - second, call.closes_at, call.closes_at + second)
        ]
    assert shown == [True, False, False]
