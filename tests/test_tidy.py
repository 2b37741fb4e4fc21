"""The rules of STYLE.md that a machine can read: what runs is kept, what is only written is forgotten."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from shared.settings import SERVICES

ROOT = Path(__file__).parents[1]
CODE = ("shared", "services", "meguru", "verifier", "bench", "tests")
SKIPPED_ANYWHERE = {".git", ".venv", "node_modules", "__pycache__", ".hypothesis"}
SKIPPED_AT = {"demo", "data", "shared/web/static/vendor"}  # made by `make`, ignored by git
FUNCTION_LINES_MAX = 70
VERIFIER_LINES_MAX = 2300  # two hours at twenty lines a minute
MODULE_LINES_MAX = 450
WORKER_LINES_MAX = 40
FILE_BYTES_MAX = 512 * 1024

# What is longer has its reason here, and may not grow. An allowance that is no longer needed is red too.
LONG_MODULES = {
    "meguru/audit.py": (580, "one walk over ledgers and log; each finding stands beside the check that makes it"),
    "meguru/replay/story.py": (530, "the pilot's chapters in the order of time, to be read as one story"),
    "tests/deploy/semantics.py": (470, "one table of the defects that schemas do not catch"),
}
LONG_FUNCTIONS: dict[str, tuple[int, str]] = {}

WORDS_NOT_USED = {"util", "utils", "helper", "helpers", "manager", "repository", "common", "core", "base", "dto"}
ROOMS = (
    "README.md", "__init__.py", "domain", "commands", "views", "tables", "app", "api", "pages", "consumers", "worker",
    "migrations", "templates", "tests",
)  # fmt: skip
TESTED_ROOMS = ("api", "pages", "commands", "consumers", "loops", "rls")
ACROSS_ROOMS = {"races", "rls", "rebuild", "journey", "browser"}  # test files named for a promise instead of a room
RUNS = {".ci/run"}  # the only file somebody starts by its name


class Ban(NamedTuple):
    """A name that is not used, where that holds, and what to use."""

    name: str
    where: tuple[str, ...]
    instead: str
    but: tuple[str, ...] = ()


BANNED = (
    Ban("print", ("shared", "services", "verifier"), "logging, or the page", ("verifier/__main__.py",)),
    Ban("time.sleep", ("shared", "services"), "asyncio.sleep: a sleeping process answers nobody"),
    Ban("datetime.datetime.now()", CODE, "datetime.now(UTC): a time without a zone is a guess"),
    Ban("datetime.datetime.utcnow", CODE, "datetime.now(UTC)"),
    Ban("datetime.date.today", CODE, "a day given by the caller, in Asia/Tokyo"),
    Ban(
        "random",
        ("shared", "services"),
        "secrets; jitter and a port to try are the exceptions",
        ("shared/door.py", "shared/messaging.py", "shared/stack/ports.py"),
    ),
    Ban("requests", CODE, "httpx in the command line and in tests"),
    Ban("urllib.request", CODE, "httpx in the command line and in tests"),
    Ban("aiohttp", CODE, "httpx in the command line and in tests"),
    Ban(
        "httpx",
        ("services", "shared"),
        "an event: services never call each other; a time-stamp authority is no service of ours",
        ("services/certificates/timestamps.py",),
    ),
    Ban("unittest.mock", CODE, "the real thing: shared/testing.py makes databases and a bus in a second"),
    Ban("os.system", CODE, "subprocess with a list"),
    Ban("pickle", CODE, "JSON"),
    Ban("asyncio.wait_for", CODE, "asyncio.timeout: before Python 3.12 wait_for may swallow a cancel"),
    Ban("__import__", CODE, "an import statement"),
)
# Bans that hold in tests too; elsewhere tests may print, wait and ask over HTTP.
IN_TESTS = {"unittest.mock", "requests", "urllib.request", "aiohttp", "datetime.datetime.utcnow", "os.system", "pickle"}

PURE = ("services/*/domain/*.py", "services/erasure/reports/*.py", "shared/events/*.py", "shared/events/tracking/*.py")
IMPURE_IMPORTS = {
    "sqlalchemy", "asyncpg", "fastapi", "starlette", "faststream", "nats", "httpx", "obstore", "opentelemetry",
    "asyncio", "os", "sys", "time", "random", "secrets", "socket", "subprocess", "threading", "pathlib", "logging",
    "shared.ledger", "shared.database", "shared.door", "shared.outbox", "shared.messaging", "shared.settings",
    "shared.blobs", "shared.web", "shared.telemetry",
}  # fmt: skip
IMPURE_CALLS = {"open", "datetime.datetime.now", "uuid.uuid4", "shared.ids.uuid7", "shared.ids.new_label"}


def files(*suffixes: str, under: tuple[str, ...] = ("",)) -> Iterator[Path]:
    """Yield the project's own files, not what `make` fetches or the replay leaves."""
    for start in under:
        pending = [ROOT / start]
        while pending:
            for path in sorted(pending.pop().iterdir()):
                if path.name in SKIPPED_ANYWHERE or path.name.endswith("_cache") or at(path) in SKIPPED_AT:
                    continue
                if path.is_dir():
                    pending.append(path)
                elif not suffixes or path.suffix in suffixes:
                    yield path


def at(path: Path) -> str:
    """Return the path as people say it."""
    return path.relative_to(ROOT).as_posix()


def is_test(path: Path) -> bool:
    """Tell whether the file belongs to tests."""
    return "tests" in path.relative_to(ROOT).parts[:-1] or path.name == "conftest.py"


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def uses(path: Path) -> tuple[tuple[int, str], ...]:
    """Return (line, full name) of everything the file imports or calls; a call without arguments ends in `()`."""
    known: dict[str, str] = {}
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for name in node.names:
                known[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.split(".")[0]
                )
                found.append((node.lineno, name.name))
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                known[name.asname or name.name] = f"{node.module}.{name.name}"
                found.append((node.lineno, f"{node.module}.{name.name}"))
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and (said := _dotted(node.func)):
            first, _, rest = said.partition(".")
            if rest and first not in known:
                continue  # a variable's method
            full = f"{known[first]}.{rest}" if rest else known.get(first, first)
            found.append((node.lineno, full))
            if not node.args and not node.keywords:
                found.append((node.lineno, f"{full}()"))
    return tuple(found)


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{before}.{node.attr}" if (before := _dotted(node.value)) else ""
        case _:
            return ""


@pytest.mark.parametrize("ban", BANNED, ids=lambda ban: ban.name)
def test_a_banned_name_is_not_used(ban: Ban) -> None:
    bad = [
        f"{at(path)}:{line}: {name}: use {ban.instead}"
        for path in files(".py", under=ban.where)
        if at(path) not in ban.but and (ban.name in IN_TESTS or not is_test(path))
        for line, name in uses(path)
        if name == ban.name or name.startswith(f"{ban.name}.")
    ]
    assert not bad, "\n".join(bad)


def test_a_banned_name_is_seen_however_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "planted.py"
    path.write_text(
        "import datetime as dt, time as t\nfrom datetime import date, datetime\nfrom time import sleep\n"
        "from unittest import mock\n"
        "def f(now):\n    datetime.now(); dt.datetime.now(); t.sleep(1); sleep(1); date.today(); now.now(); print(1)\n"
    )
    seen = {name for line, name in uses(path) if line > 1}
    assert seen >= {"datetime.datetime.now()", "time.sleep", "datetime.date.today", "unittest.mock", "print"}
    assert "now.now()" not in seen


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")) + r")\b")
    texts = (".py", ".html", ".js", ".css", ".sql", ".typ", ".yaml", ".tpl", ".toml", ".md")
    assert [f"{at(path)}:{n}" for path in files(*texts) for n, line in _lines(path) if later.search(line)] == []


def test_nothing_is_caught_or_imported_without_a_name() -> None:
    bad = []
    for path in files(".py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler) and node.type is None:
                bad.append(f"{at(path)}:{node.lineno}: a bare except hides a kill; name what may fail")
            if isinstance(node, ast.ImportFrom) and any(name.name == "*" for name in node.names):
                bad.append(f"{at(path)}:{node.lineno}: import names, so that a reader finds them")
    assert not bad, "\n".join(bad)


def test_a_waiver_says_which_rule_and_why() -> None:
    bare = re.compile(r"#\s*(noqa(?!: [A-Z]+\d+)|type: ignore(?!\[))")
    unreasoned = re.compile(r"# (noqa: [A-Z0-9, ]+|type: ignore\[[a-z0-9, -]+\])\s*$")
    bad = [
        f"{at(path)}:{n}"
        for path in files(".py")
        if path != Path(__file__)
        for n, line in _lines(path)
        if bare.search(line) or unreasoned.search(line)
    ]
    assert not bad, "\n".join(bad)


def test_modules_are_nouns_of_the_field() -> None:
    names = [at(path) for path in files(".py", ".js") if WORDS_NOT_USED & set(re.split(r"[_./]", path.name))]
    folders = {at(path.parent) for path in files(".py") if path.parent.name in WORDS_NOT_USED}
    assert names + sorted(folders) == []


def test_a_module_is_short_or_says_why() -> None:
    sizes = {
        at(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in files(".py", under=CODE)
        if not path.name.startswith("test_")  # a test file is a list of sentences: it is as long as its room's promises
    }
    _judge(sizes, LONG_MODULES, MODULE_LINES_MAX)


def test_the_verifier_can_be_read_in_one_sitting() -> None:
    sizes = [len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "verifier").glob("*.py")]
    assert sum(sizes) <= VERIFIER_LINES_MAX, "an auditor reads all of it; move out what is not needed to verify"


def test_a_function_is_short_or_says_why() -> None:
    sizes = {
        f"{at(path)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in files(".py", under=CODE)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    _judge(sizes, LONG_FUNCTIONS, FUNCTION_LINES_MAX)


def _judge(sizes: dict[str, int], allowed: dict[str, tuple[int, str]], most: int) -> None:
    long = {name: size for name, size in sizes.items() if size > allowed.get(name, (most, ""))[0]}
    idle = [name for name in allowed if sizes.get(name, 0) < most * 4 // 5]
    assert not long, f"split what is too long: {long}"
    assert not idle, f"take what is short again out of the list: {idle}"


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    there = ROOT / "services" / service
    missing = [room for room in ROOMS if not any((there / f"{room}{end}").exists() for end in ("", ".py"))]
    assert not missing, f"services/{service} lacks {missing}"
    lines = (there / "worker.py").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= WORKER_LINES_MAX, "a worker is assembly; what it does belongs to consumers and loops"


@pytest.mark.parametrize("service", SERVICES)
def test_tests_mirror_the_rooms(service: str) -> None:
    there = ROOT / "services" / service
    written = {path.stem.removeprefix("test_") for path in (there / "tests").glob("test_*.py")}
    modules = {path.stem for path in there.glob("*.py")} | {path.name for path in there.iterdir() if path.is_dir()}
    modules |= {name for path in (there / "domain").glob("*.py") for name in (path.stem, f"domain_{path.stem}")}
    assert sorted(written - modules - ACROSS_ROOMS) == [], "name a test file for the room it looks into"
    wanted = {room for room in TESTED_ROOMS if room in modules | {"rls"}}
    assert sorted(wanted - written) == [], "every door and every room that records has its test file"


@pytest.mark.parametrize("pattern", PURE)
def test_what_is_pure_reads_no_clock_and_touches_nothing(pattern: str) -> None:
    bad = []
    for path in sorted(ROOT.glob(pattern)):
        for line, name in uses(path):
            if name in IMPURE_CALLS or any(name == one or name.startswith(f"{one}.") for one in IMPURE_IMPORTS):
                bad.append(f"{at(path)}:{line}: {name}: hand the value in from the door")
        awaits = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
        bad += [f"{at(path)}:{node.lineno}: await" for node in ast.walk(tree(path)) if isinstance(node, awaits)]
    assert not bad, "\n".join(bad)


def test_files_are_plain_small_and_named_plainly() -> None:
    bad = []
    for path in files():
        if path.is_symlink():
            bad.append(f"{at(path)}: a link; copy or import instead")
            continue
        if path.stat().st_mode & 0o111 and at(path) not in RUNS:
            bad.append(f"{at(path)}: executable; start it by `python -m` or make")
        if path.stat().st_size > FILE_BYTES_MAX:
            bad.append(f"{at(path)}: larger than {FILE_BYTES_MAX} bytes; make it, do not keep it")
        if not re.fullmatch(r"[\w.-]+", path.name, re.ASCII):
            bad.append(f"{at(path)}: letters, digits, dash, dot and underscore only")
    assert not bad, "\n".join(bad)


def test_nothing_names_a_registry_or_this_machine() -> None:
    hosts = ("pypi~org", "pythonhosted~org", "npmjs~org", "npmjs~com", "yarnpkg~com", "crates~io", "golang~org")
    places = ("work", "tmp/w", "home", "root")
    named = [re.escape(host.replace("~", ".")) for host in hosts]  # this file may not name them either
    wrong = re.compile("|".join(named + [rf"(?<![\w.}}]){'/'}{place}/" for place in places]))
    bad = []
    for path in files():
        if b"\0" not in path.read_bytes()[:8192]:
            bad += [f"{at(path)}:{n}: {found[0]}" for n, line in _lines(path) if (found := wrong.search(line))]
    assert not bad, "addresses come from the machine's own configuration, places from the caller\n" + "\n".join(bad)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    yield from enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
