"""The users of the bus in a cluster have the rights that the one-machine stack gives them, durable by durable."""

import json
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.settings import SERVICES
from shared.stack.nats import OPERATOR, rights
from tests.deploy.chart import ROOT, render
from tests.deploy.semantics import containers

VALUES = ROOT / "deploy" / "nats" / "values.yaml"


def values() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(VALUES.read_text(encoding="utf-8"))
    return read


def users() -> dict[str, dict[str, Any]]:
    return {user["user"]: user for user in values()["config"]["merge"]["authorization"]["users"]}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_do_in_the_cluster_what_it_may_on_one_machine(service: str) -> None:
    given, wanted = users()[service]["permissions"], rights(service)
    for may in ("publish", "subscribe"):
        there, asked = set(given[may]["allow"]), set(wanted[may]["allow"])
        assert there == asked, f"deploy/nats/values.yaml, {service}, {may}: add {asked - there}, drop {there - asked}"
    assert given.keys() == wanted.keys()


def test_nobody_else_has_a_user_and_only_the_operator_has_no_limits() -> None:
    assert users().keys() == {*SERVICES, OPERATOR}
    assert [name for name, user in users().items() if "permissions" not in user] == [OPERATOR]


def test_passwords_come_from_the_secrets_that_the_chart_names() -> None:
    environment = values()["container"]["env"]
    held = {
        name: environment[user["password"].strip("<> ").removeprefix("$")]["valueFrom"]["secretKeyRef"]
        for name, user in users().items()
    }
    named = {
        variable["valueFrom"]["secretKeyRef"]["name"]
        for _, container, _ in containers(render())
        for variable in container.get("env", ())
        if variable["name"] == "MEGURU_NATS_PASSWORD"
    }
    assert {reference["name"] for reference in held.values()} == named
    assert {reference["key"] for reference in held.values()} == {"password"}
    assert {name: reference["name"] for name, reference in held.items() if name != OPERATOR} == {
        service: f"meguru-nats-{service}" for service in SERVICES
    }


def test_the_server_accepts_the_users(tmp_path: Path) -> None:
    authorization = json.loads(json.dumps(values()["config"]["merge"]["authorization"]).replace("<< $", "x-"))
    configuration = tmp_path / "nats.conf"
    configuration.write_text(json.dumps({"authorization": authorization}))
    server = Path(sysconfig.get_path("scripts")) / "nats-server"
    done = subprocess.run(  # noqa: S603 - our own arguments
        [str(server), "-t", "-c", str(configuration)], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
