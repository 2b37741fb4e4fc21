import pytest
from sqlalchemy.exc import DBAPIError

from services.certificates.tables import OWN
from services.certificates.tests.conftest import House
from services.certificates.tests.world import Machine
from shared.database import as_party
from shared.testing import CENTRE, OTHER_TOWN, TOWN


async def kept_list(house: House, tenant: str) -> None:
    """A list of revocations as if it were a town's: it never is, and would be seen by that town alone."""
    async with house.made.consumer.begin() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO revoked_lists (number, tenant, issued_at, next_update, mark, body) "  # noqa: S608 - a constant
            f"VALUES (1, '{tenant}', now(), now(), '', '') ON CONFLICT DO NOTHING"
        )


TABLES = [table.name for table in OWN]


@pytest.mark.parametrize("table", [*TABLES, "items", "entries"])
async def test_a_hostile_query_finds_nothing_of_another_town_and_as_owner_it_does(house: House, table: str) -> None:
    theirs = Machine.new(tenant=OTHER_TOWN)
    destroyed = theirs.destroyed()
    await kept_list(house, OTHER_TOWN)
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


async def test_the_public_look_up_gives_number_kind_moments_and_replacement_only(house: House) -> None:
    machine = Machine.new(tenant=OTHER_TOWN)
    await house.hear(machine.registered, machine.destroyed())
    async with house.made.app.connect() as connection:
        found = await connection.exec_driver_sql(f"SELECT * FROM public_certificate('{machine.number()}')")  # noqa: S608 - made here
        moments = ["requested_at", "issued_at", "revoked_at"]
        assert list(found.keys()) == ["number", "kind", *moments, "code", "replaces", "replaced_by"]
        assert len(found.all()) == 1
