"""Every library we chose has its reason on one line, and no reason outlives its library."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "docs" / "dependencies.md"
REASON_WORDS_MIN = 4


def chosen() -> set[str]:
    """Return what we ask for ourselves; what those bring along is their affair and stands in the compiled files."""
    names = set()
    for path in (ROOT / "requirements").glob("*.in"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if found := re.match(r"([A-Za-z0-9][\w.-]*)", line):
                names.add(found[1].lower())
    front_end = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    return names | set(front_end["dependencies"]) | set(front_end.get("overrides", {}))


def reasons() -> dict[str, str]:
    """Return the table's lines: name and reason."""
    lines = PAPER.read_text(encoding="utf-8").splitlines()
    found = (re.match(r"\| `([^`]+)` \| (.+?) \|$", line) for line in lines)
    return {row[1].lower(): row[2] for row in found if row}


def test_every_dependency_has_its_reason() -> None:
    assert sorted(chosen() - reasons().keys()) == [], "add the name and its reason to docs/dependencies.md"


def test_no_reason_outlives_its_dependency() -> None:
    assert sorted(reasons().keys() - chosen()) == [], "take the line out of docs/dependencies.md"


def test_a_reason_is_a_sentence_of_its_own() -> None:
    said = list(reasons().values())
    assert [one for one in said if len(one.split()) < REASON_WORDS_MIN] == []
    assert len(said) == len(set(said))


def test_everything_that_is_installed_is_pinned_by_its_hash() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        pinned = [line for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)]
        assert pinned, path
        assert [line.split()[0] for line in pinned if "==" not in line or "--hash=sha256:" not in line] == []
    locked = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert [name for name, one in locked.items() if name and not one.get("integrity")] == []
