import pytest
from sqlalchemy.exc import DBAPIError

from services.refurb.commands import consignments
from services.refurb.tests.conftest import hear
from services.refurb.tests.samples import OTHER_CENTRE, cleared, registered, to_material
from shared.database import as_party
from shared.entry import By
from shared.testing import CENTRE, OTHER_TOWN, TOWN, Service


async def test_a_hostile_query_finds_nothing_of_another_town_and_as_owner_it_does(refurb: Service) -> None:
    theirs = registered(tenant=OTHER_TOWN)
    await hear(refurb, [theirs, to_material(theirs), cleared(theirs)])
    async with refurb.acting(tenant=OTHER_TOWN, by=By(person="refurbisher", party=OTHER_CENTRE)) as tx:
        known = theirs.event
        leaving = [(known.item, known.label)]
        await consignments.consign(
            tx, known.engagement, leaving, manifest="M-1", operator="再生金属", kg=8, tolerance=0
        )
    for table in ("works", "consignments", "clearances", "items", "entries"):
        hostile = f"SELECT count(*) FROM {table} WHERE tenant = '{OTHER_TOWN}' OR true AND tenant <> '{TOWN}'"  # noqa: S608 - hostile on purpose
        async with refurb.app.begin() as connection:
            await as_party(connection, tenant=TOWN, party=CENTRE)
            seen = (await connection.exec_driver_sql(hostile)).scalar_one()
        assert seen == 0, table
        assert (await refurb.rows(hostile))[0][0] > 0, table


@pytest.mark.parametrize("table", ["clearances", "items"])
async def test_what_comes_by_messages_is_not_written_by_the_http_door(refurb: Service, table: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with refurb.app.begin() as connection:
            await as_party(connection, tenant=TOWN, party=TOWN)
            await connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - a constant of this test
