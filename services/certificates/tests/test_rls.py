import pytest
from sqlalchemy.exc import DBAPIError

from services.certificates.tables import OWN
from services.certificates.tests.conftest import House
from services.certificates.tests.world import Machine
from shared.database import as_party
from shared.testing import CENTRE, OTHER_TOWN, TOWN

TABLES = [table.name for table in OWN]


@pytest.mark.parametrize("table", [*TABLES, "items", "entries"])
async def test_a_hostile_query_finds_nothing_of_another_town_and_as_owner_it_does(house: House, table: str) -> None:
    theirs = Machine.new(tenant=OTHER_TOWN)
    destroyed = theirs.destroyed()
    await house.hear(theirs.registered, theirs.received(), destroyed, house.log.notice(destroyed, tenant=OTHER_TOWN))
    hostile = f"SELECT count(*) FROM {table} WHERE tenant = '{OTHER_TOWN}' OR true AND tenant <> '{TOWN}'"  # noqa: S608 - hostile on purpose
    for party in (TOWN, CENTRE):
        async with house.made.app.begin() as connection:
            await as_party(connection, tenant=TOWN, party=party)
            assert (await connection.exec_driver_sql(hostile)).scalar_one() == 0
    assert (await house.rows(hostile))[0][0] > 0


@pytest.mark.parametrize("table", [name for name in TABLES if name != "certificates"])
async def test_what_comes_by_messages_is_not_written_by_the_http_door(house: House, table: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with house.made.app.begin() as connection:
            await as_party(connection, tenant=TOWN, party=TOWN)
            await connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - a constant of this test


async def test_the_public_look_up_gives_number_kind_and_moments_only(house: House) -> None:
    machine = Machine.new(tenant=OTHER_TOWN)
    await house.hear(machine.registered, machine.destroyed())
    async with house.made.app.connect() as connection:
        found = await connection.exec_driver_sql(f"SELECT * FROM public_certificate('{machine.number()}')")  # noqa: S608 - made here
        assert list(found.keys()) == ["number", "kind", "requested_at", "issued_at", "revoked_at"]
        assert len(found.all()) == 1
