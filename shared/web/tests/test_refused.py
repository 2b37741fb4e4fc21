import ast
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import refused
from shared.refused import Forbidden, Invalid, Refused, Reused, SignIn, Unknown


def test_a_refusal_carries_its_facts() -> None:
    said = Refused("evidence-missing", "足りません。", "Missing.", missing=("Purge の証跡",), count=2)
    assert (said.code, said.ja, said.en, said.missing) == (
        "evidence-missing",
        "足りません。",
        "Missing.",
        ("Purge の証跡",),
    )
    assert said.detail == {"count": 2}
    assert str(said) == "足りません。"


@pytest.mark.parametrize("name", ["code", "ja", "en", "missing", "detail"])
def test_a_refusal_cannot_be_changed(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(Unknown(), name, "x")


def test_a_refusal_passes_through_a_context_manager() -> None:
    """contextlib sets __traceback__ on what passes; a refusal that is frozen too hard breaks there."""

    @contextlib.contextmanager
    def transaction() -> Iterator[None]:
        yield

    with pytest.raises(Refused, match="見つかりません"), transaction():
        raise Unknown


@pytest.mark.parametrize("kind", [Unknown, Forbidden, Invalid, Reused, SignIn])
def test_the_usual_sentences_say_what_to_do_next(kind: type[Refused]) -> None:
    said = kind.__new__(kind)
    said.__init__()  # type: ignore[misc]  # these kinds have usual sentences, Refused itself has none
    assert said.ja.count("。") == 2
    assert said.en.count(".") == 2


def test_a_better_sentence_replaces_the_usual_one() -> None:
    assert Invalid("bad-phone", "けたが足りません。", "Too few digits.", field="tel").detail == {"field": "tel"}


def test_the_module_is_pure() -> None:
    tree = ast.parse(Path(refused.__file__).read_text("utf-8"))
    assert [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)] == ["typing"]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
