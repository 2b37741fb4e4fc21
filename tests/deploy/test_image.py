"""The Dockerfile agrees with the chart, and its entry starts what it says; building needs an engine, absent here."""

import re
import subprocess
from pathlib import Path

import pytest

from shared.settings import SERVICES
from tests.deploy.chart import ROOT, containers_of, render
from tests.deploy.semantics import of_kind, pods

DOCKERFILE = (ROOT / "Dockerfile").read_text()
STAGE = DOCKERFILE.rsplit("\nFROM ", 1)[1]


@pytest.fixture
def entry(tmp_path: Path) -> Path:
    """The entry as the image holds it, beside programs that only say how they were called."""
    match = re.search(r"<<'ENTRY' (\S+)\n(.*?)\nENTRY\n", DOCKERFILE, re.DOTALL)
    assert match
    assert f'ENTRYPOINT ["{match[1]}"]' in STAGE
    for name in ("uvicorn", "python"):
        says = tmp_path / name
        says.write_text(f'#!/bin/sh\necho {name} "$@" "role=${{MEGURU_ROLE:-}}" "service=${{MEGURU_SERVICE:-}}"\n')
        says.chmod(0o755)
    serve = tmp_path / "serve"
    serve.write_text(match[2] + "\n")
    serve.chmod(0o755)
    return serve


def start(entry: Path, *arguments: str) -> list[str]:
    done = subprocess.run(  # noqa: S603 - our own script
        [str(entry), *arguments], env={"PATH": f"{entry.parent}:/usr/bin:/bin"}, capture_output=True, text=True,
        check=True, timeout=10,
    )  # fmt: skip
    return done.stdout.split()


@pytest.mark.parametrize("service", SERVICES)
def test_the_entry_starts_what_the_chart_starts(entry: Path, service: str) -> None:
    deployments = {d["metadata"]["name"]: d for d in of_kind(render(), "Deployment")}
    for process, role in (("api", "api"), ("worker", "")):
        (container,) = containers_of(deployments[f"pilot-{service}-{process}"])
        said = start(entry, service, process)
        assert said[:6] == container["command"][:6]
        assert said[-2:] == [f"role={role}", f"service={service}"]


def test_the_entry_hands_everything_else_to_the_command_line(entry: Path) -> None:
    assert start(entry, "migrate")[:4] == ["python", "-m", "meguru", "migrate"]
    assert start(entry, "erasure", "apu")[:5] == ["python", "-m", "meguru", "erasure", "apu"]


def test_the_image_runs_as_the_user_of_the_chart() -> None:
    (user,) = {pod["spec"]["securityContext"]["runAsUser"] for _, pod in pods(render())}
    assert f"--uid {user} " in STAGE
    assert f"\nUSER {user}:{user}\n" in STAGE


def test_the_port_and_the_fonts_are_where_the_chart_says() -> None:
    (exposed,) = re.findall(r"^EXPOSE (\d+)$", STAGE, re.MULTILINE)
    deployments = [*of_kind(render(), "Deployment")]
    assert {p["containerPort"] for d in deployments for c in containers_of(d) for p in c["ports"]} == {int(exposed)}
    (shared,) = of_kind(render(), "ConfigMap")
    assert f"MEGURU_FONTS={shared['data']['MEGURU_FONTS']}\n" in STAGE


def test_libraries_come_with_their_hashes_only() -> None:
    installs = re.findall(r"pip install (.*)", DOCKERFILE)
    assert installs
    assert all("--require-hashes" in line for line in installs)


def test_what_is_copied_is_let_through() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    lines = re.findall(r"^COPY (?!--)(?:(.+) )\S+$", DOCKERFILE, re.MULTILINE)
    copied = {source.split("/")[0] for line in lines for source in line.split()}
    assert copied == let_through
