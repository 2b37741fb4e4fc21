"""The papers say what is: links lead somewhere, named tests exist, named targets, commands and settings are there."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from shared.settings import Settings
from tests.test_tidy import ROOT, at, files

PAPERS = sorted(at(path) for path in files(".md"))
NAMED = (
    "README.md",
    "ARCHITECTURE.md",
    "STYLE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "LICENSE",
    "NOTICE",
)
MADE = {"demo", "data", ".venv"}  # named in papers, made by `make`, absent in a fresh clone
README_LINES_MAX = 90
PICTURE_BYTES_MAX = 30_000
INVARIANTS = 11


def text(paper: str) -> str:
    """Return a paper."""
    return (ROOT / paper).read_text(encoding="utf-8")


def anchors(paper: Path) -> set[str]:
    """Return the names that a paper's headings get on the page."""
    headings = re.findall(r"^#+ (.+)$", paper.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@cache
def named_in(path: Path) -> frozenset[str]:
    """Return the names of a file's tests."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("paper", PAPERS)
def test_every_link_leads_somewhere(paper: str) -> None:
    bad = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text(paper)):
        place, _, heading = link.partition("#")
        there = (ROOT / paper).parent / place if place else ROOT / paper
        if re.match(r"[a-z]+:", link):
            continue
        if not there.exists() or (heading and heading not in anchors(there)):
            bad.append(link)
    assert not bad, f"{paper} leads nowhere: {bad}"


@pytest.mark.parametrize("paper", PAPERS)
def test_every_file_named_in_a_paper_is_there(paper: str) -> None:
    assert not (missing := sorted(set(_missing(paper)))), f"{paper} names what is not there: {missing}"


def _missing(paper: str) -> Iterator[str]:
    for said in re.findall(r"`([\w.\-/*{},]+/[\w.\-/*{},]*)`", text(paper)):
        outside = said.startswith(("/", "../"))  # what stands beside the checkout is not there on every machine
        if outside or said.split("/", 1)[0] in MADE or "…" in said:
            continue
        options = [said]
        if found := re.search(r"\{([^}]+)\}", said):
            options = [said.replace(found[0], option) for option in found[1].split(",")]
        for option in options:
            places = [start.glob(option.rstrip("/")) for start in (ROOT, (ROOT / paper).parent, ROOT / "services")]
            places += [service.glob(option.rstrip("/")) for service in (ROOT / "services").glob("[a-z]*/")]
            if _is_path(option) and not any(True for place in places for _ in place):
                yield option


def _is_path(said: str) -> bool:
    """Tell a path from a list of words or a media type: it starts with a folder of ours or ends like a file."""
    first = said.split("/", 1)[0]
    return (ROOT / first).is_dir() or re.search(r"\.(py|md|js|yaml|json|csv|txt|svg|png|css)$", said) is not None


@pytest.mark.parametrize("paper", PAPERS)
def test_every_test_named_in_a_paper_exists(paper: str) -> None:
    bad = []
    for path, name in re.findall(r"([\w./]+test_\w+\.py)::(test_\w+)", text(paper)):
        if not (ROOT / path).exists() or name not in named_in(ROOT / path):
            bad.append(f"{path}::{name}")
    assert not bad, f"{paper} names tests that are not there: {bad}"


def test_every_invariant_has_its_guard() -> None:
    rows = re.findall(r"^\| (\d+) \| .+ \| (.+) \|$", text("ARCHITECTURE.md"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(INVARIANTS))
    assert [number for number, guards in rows if "::test_" not in guards] == []


def test_every_named_paper_is_there_and_the_readme_is_one_page() -> None:
    assert [name for name in NAMED if not (ROOT / name).exists()] == []
    assert len(text("README.md").splitlines()) <= README_LINES_MAX
    assert text("LICENSE").strip().startswith("Apache License\n                           Version 2.0, January 2004")
    assert [
        path.name for path in (ROOT / "docs" / "pictures").glob("*.svg") if path.stat().st_size > PICTURE_BYTES_MAX
    ] == []


@pytest.mark.parametrize("paper", PAPERS)
def test_every_make_target_in_a_paper_exists(paper: str) -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", text("Makefile"), re.MULTILINE))
    code = re.findall(r"`[^`]+`|^```sh\n.*?^```", text(paper), re.MULTILINE | re.DOTALL)
    named = {target for one in code for target in re.findall(r"\bmake ([a-z][a-z-]*)", one)}
    assert named <= targets, f"{paper} names make targets that are not there: {sorted(named - targets)}"


@pytest.mark.parametrize("paper", PAPERS)
def test_every_command_in_a_paper_exists(paper: str) -> None:
    from meguru.cli import app

    known = {one.name or (one.callback.__name__ if one.callback else "") for one in app.registered_commands}
    known |= {str(group.name) for group in app.registered_groups}
    named = set(re.findall(r"`(?:MEGURU_\w+=\w+ |\.venv/bin/|python -m )*meguru\s([a-z][a-z-]*)", text(paper)))
    assert named <= known, f"{paper} names commands that are not there: {sorted(named - known)}"


def test_every_setting_is_told_with_its_default() -> None:
    told = dict(re.findall(r"^\| `(MEGURU_\w+)` \| .+ \| (.+) \|$", text("docs/operations.md"), re.MULTILINE))
    assert sorted(told) == sorted(f"MEGURU_{name.upper()}" for name in Settings.model_fields)
    for name, field in Settings.model_fields.items():
        default = field.default
        value = getattr(default, "get_secret_value", lambda default=default: default)()
        said = "required" if field.is_required() else "empty" if value == "" else f"`{value}`"
        said = "the service's name" if name == "database_name" else said.replace("`False`", "`false`")
        assert told[f"MEGURU_{name.upper()}"] == said, name


def test_every_decision_is_listed_and_numbered() -> None:
    adrs = sorted(path.name for path in (ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [name[:4] for name in adrs] == [f"{n:04d}" for n in range(1, len(adrs) + 1)]
    assert re.findall(r"\(([0-9][^)]+)\)", text("docs/adr/README.md")) == adrs
