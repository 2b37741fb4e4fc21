"""What the issuer may take, and what its page says meanwhile."""

from itertools import permutations

from services.certificates import reading, waiting
from services.certificates.tests.conftest import House, Web
from services.certificates.tests.world import Machine, opened
from shared.events.erasure import ErasureVerified, LotReopened, LotSettled
from shared.ids import uuid7
from shared.testing import CENTRE, TOWN, recorded


async def open_numbers(house: House) -> set[str]:
    async with house.made.consumer.connect() as connection:
        return {order.number for order in await waiting.open_orders(connection, 1000)}


async def test_no_tracking_certificate_is_made_of_a_lot_in_doubt_in_whatever_order_that_is_heard(
    house: House, web: Web
) -> None:
    for order in permutations(range(4)):
        contract, lot = uuid7(), uuid7()
        looked_at, doubted, crushed = machines = [Machine.new(engagement=contract) for _ in range(3)]
        medium = looked_at.item.media[0].id
        look = ErasureVerified(medium=medium, item=looked_at.item.item, verifier="abe", method="読み直し", passed=False)
        passed = recorded(look.model_copy(update={"passed": True}), stream=medium, sequence=3)
        doubt = LotReopened(
            engagement=contract, medium=medium, failed=uuid7(), round=2, seed="ab" * 32, population=1, drawn=()
        )
        closed = [machine.closed(machine.registered, certificates=[]) for machine in machines]
        said = [recorded(look, stream=medium, sequence=2), passed, recorded(doubt, stream=lot), crushed.destroyed()]
        await house.hear(recorded(opened(contract, TOWN, CENTRE)), *(machine.registered for machine in machines))
        await house.hear(*(said[n] for n in (*order, *order)))
        await house.hear(*closed, house.log.notice(*closed))
        numbers = [machine.number("T") for machine in machines]
        assert [one in await open_numbers(house) for one in numbers] == [True, False, True]
        page = await web.page(f"/certificates/{doubted.number('T')}")
        assert "再確認に不合格があり" in page.text
        assert "再確認に不合格があり" not in (await web.page(f"/certificates/{looked_at.number('T')}")).text
        settled = recorded(LotSettled(engagement=contract, round=2), stream=lot, sequence=2)
        await house.hear(settled, *said, settled)
        assert set(numbers) <= await open_numbers(house)
    async with house.made.consumer.connect() as connection:
        listed = await reading.listed(connection, TOWN, reading.Asked(kind="tracking"), most=1000)
    assert {row.doubted for row in listed} == {False}
