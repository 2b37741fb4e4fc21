"""The migrations make exactly what the code's tables say, and run twice without harm."""

import asyncio
from importlib import import_module

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from shared.migration import migrate
from shared.settings import SERVICES
from shared.stack.stack import Stack
from shared.testing import service


@pytest.mark.parametrize("name", SERVICES)
async def test_the_migrated_database_is_what_the_tables_say(servers: Stack, name: str) -> None:
    metadata = import_module(f"services.{name}.tables").metadata

    def differences(connection: Connection) -> list[object]:
        def ours(_: object, object_name: str | None, kind: str, __: bool, ___: object) -> bool:
            return not (kind == "table" and str(object_name).startswith(("entries_", "alembic_version")))

        options = {"include_object": ours, "compare_type": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    async with service(servers, name) as made:
        await asyncio.to_thread(migrate, made.settings)
        async with made.owner.connect() as connection:
            assert await connection.run_sync(differences) == []


@pytest.mark.parametrize("name", SERVICES)
async def test_every_table_forces_row_level_security_and_no_role_steps_around_it(servers: Stack, name: str) -> None:
    async with service(servers, name) as made:
        open_ = await made.rows(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'public' "
            "AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'alembic_version' "
            "AND NOT (relrowsecurity AND relforcerowsecurity)"
        )
        assert open_ == []
        roles = await made.rows(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE :prefix AND (rolsuper OR rolbypassrls)", prefix=f"{name}%"
        )
        assert roles == []
        definers = await made.rows(
            "SELECT proname, rolname, rolcanlogin, proconfig FROM pg_proc JOIN pg_roles r ON r.oid = proowner "
            "WHERE prosecdef"
        )
        assert {row.proname for row in definers} >= {"resolve", "acts_for"}
        for row in definers:
            assert row.rolname == f"{name}_lookup"
            assert not row.rolcanlogin
            assert row.proconfig == ["search_path=public, pg_temp"]
        public = await made.rows(
            "SELECT proname FROM pg_proc WHERE prosecdef AND has_function_privilege('public', oid, 'execute')"
        )
        assert public == []


async def test_a_superuser_is_refused(servers: Stack) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    from shared.database import refuse_superuser
    from shared.stack.postgres import SUPERUSER

    async with service(servers, "refurb") as made:
        async with made.app.connect() as connection:
            await refuse_superuser(connection)
        url = made.app.url.set(username=SUPERUSER, password=servers._passwords.superuser)
        engine = create_async_engine(url)
        try:
            async with engine.connect() as connection:
                assert await connection.scalar(text("SELECT 1")) == 1
                with pytest.raises(RuntimeError, match="row-level security"):
                    await refuse_superuser(connection)
        finally:
            await engine.dispose()
