"""`meguru streams` needs the bus and nothing else, and says in a sentence what is missing."""

import asyncio
import os

import pytest
from typer.testing import CliRunner

from meguru.cli import app
from shared.stack.ports import free_port
from shared.stack.stack import Stack


@pytest.fixture(autouse=True)
def only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MEGURU_")]:
        monkeypatch.delenv(name)


def test_it_says_what_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEGURU_NATS_USER", "operator")
    said = CliRunner().invoke(app, ["streams"])
    assert said.exit_code == 2
    assert said.exception is None or isinstance(said.exception, SystemExit)
    assert "MEGURU_NATS_PASSWORD" in said.output
    assert "MEGURU_NATS_USER" not in said.output


def test_a_bus_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meguru.cli.CONNECT_ATTEMPTS_MAX", 1)
    monkeypatch.setenv("MEGURU_NATS_USER", "operator")
    monkeypatch.setenv("MEGURU_NATS_PASSWORD", "wrong")
    monkeypatch.setenv("MEGURU_NATS_URL", f"nats://127.0.0.1:{free_port()}")
    said = CliRunner().invoke(app, ["streams"])
    assert said.exit_code == 2
    assert "Check that NATS runs" in said.output


async def test_with_the_operator_s_name_and_password_it_declares(
    servers: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = servers.nats_options()
    monkeypatch.setenv("MEGURU_NATS_URL", options["servers"])
    monkeypatch.setenv("MEGURU_NATS_USER", options["user"])
    monkeypatch.setenv("MEGURU_NATS_PASSWORD", options["password"])
    said = await asyncio.to_thread(CliRunner().invoke, app, ["streams"])
    assert said.exit_code == 0, said.output
    monkeypatch.setenv("MEGURU_NATS_PASSWORD", "wrong")
    monkeypatch.setattr("meguru.cli.CONNECT_ATTEMPTS_MAX", 1)
    said = await asyncio.to_thread(CliRunner().invoke, app, ["streams"])
    assert said.exit_code == 2, said.output
