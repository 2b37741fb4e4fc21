import pytest

from services.certificates import commands
from services.certificates.domain.certificate import Made, stream_of
from services.certificates.domain.number import Number
from services.certificates.tests.conftest import House
from services.certificates.tests.world import Machine
from shared.entry import Entry
from shared.events.certificates import CertificateIssued, CertificateRequested, CertificateRevoked
from shared.ids import Label, uuid7
from shared.refused import Refused, Unknown
from shared.testing import TOWN

MADE = Made(input_sha256="1" * 64, pdf_sha256="2" * 64, json_sha256="3" * 64, key="k", log_index=7)


async def asked(house: House, machine: Machine) -> Entry[CertificateRequested]:
    destroyed = machine.destroyed()
    async with house.made.consuming() as tx:
        return await commands.request(
            tx.following(destroyed),
            Number("destruction", Label(machine.item.label)),
            item=machine.item.item,
            medium=machine.item.media[0].id,
            cites=[destroyed],
        )


async def test_the_intent_is_recorded_once_with_exactly_what_it_will_stand_on(house: House) -> None:
    machine = Machine.new()
    first = await asked(house, machine)
    again = await asked(house, machine)
    assert first.stream == stream_of("destruction", machine.item.media[0].id)
    assert (again.id, again.replayed) == (first.id, True)
    assert first.tenant == TOWN
    assert [cited.sequence for cited in first.event.cites] == [3]


async def test_it_is_issued_once_and_only_after_the_intent(house: House) -> None:
    request = await asked(house, Machine.new())
    async with house.made.consuming() as tx:
        issued = await commands.issue(tx, request.stream, MADE)
    async with house.made.consuming() as tx:
        other = Made(input_sha256="9" * 64, pdf_sha256="8" * 64, json_sha256="7" * 64, key="k", log_index=8)
        again = await commands.issue(tx, request.stream, other)
    assert isinstance(issued.event, CertificateIssued)
    assert (issued.because, issued.tenant) == (request.id, TOWN)
    assert (again.id, again.event.pdf_sha256) == (issued.id, MADE.pdf_sha256)
    async with house.made.consuming() as tx:
        with pytest.raises(Unknown):
            await commands.issue(tx, uuid7(), MADE)


async def test_what_is_issued_can_be_revoked_once_and_stays(house: House) -> None:
    request = await asked(house, Machine.new())
    async with house.made.acting() as tx:
        with pytest.raises(Refused):
            await commands.revoke(tx, request.stream, "写真の取り違え")
    async with house.made.consuming() as tx:
        await commands.issue(tx, request.stream, MADE)
    async with house.made.acting() as tx:
        revoked = await commands.revoke(tx, request.stream, "写真の取り違え")
    assert isinstance(revoked.event, CertificateRevoked)
    async with house.made.acting() as tx:
        with pytest.raises(Refused):
            await commands.revoke(tx, request.stream, "もう一度")
