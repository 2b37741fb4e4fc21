from collections import defaultdict

import pytest
from starlette.requests import Request

from shared.web.i18n import CATALOG, Language, language, translations, translator, untranslated, used


def asking(query: str = "", cookie: str = "", accept: str = "") -> Request:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accept.encode())]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": headers})


def test_no_msgid_is_missing_in_english() -> None:
    assert untranslated() == []


def test_extraction_sees_templates_and_code() -> None:
    found = used()
    assert "shared/web/templates/components.html" in found["証明済み"]
    assert "shared/web/forms.py" in found["入れてください。"]
    assert "shared/web/viewer.py" in found["機器の追跡"]


def test_every_text_of_a_template_can_be_filled_in_in_both_languages() -> None:
    """A template's text goes through %-formatting: a bare percent sign in it would be an error page in one language."""
    texts = [
        text for text, where in used().items() if isinstance(text, str) and any(one.endswith(".html") for one in where)
    ]
    assert texts
    for text in texts:
        for said in (text, translator("en")(text)):
            assert "%(" not in said % defaultdict(str), text


def test_the_catalog_is_compiled_without_a_file() -> None:
    assert translator("en")("証明済み") == "Proved"
    assert translator("ja")("証明済み") == "証明済み"
    assert translations("en") is translations("en")
    assert not list(CATALOG.parent.glob("*.mo"))


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "chosen"),
    [
        ("", "", "", "ja"),
        ("lang=en", "lang=ja", "ja", "en"),
        ("", "lang=en", "ja", "en"),
        ("", "", "en-GB,en;q=0.9,ja;q=0.8", "en"),
        ("", "", "ja;q=0.5, en;q=0.4", "ja"),
        ("", "", "fr, en;q=0.3", "en"),
        ("", "", "fr", "ja"),
        ("lang=xx", "lang=yy", "en;q=nonsense", "ja"),
        ("", "", "en;q=0", "ja"),
    ],
)
def test_the_language_is_what_was_asked_for(query: str, cookie: str, accept: str, chosen: Language) -> None:
    assert language(asking(query, cookie, accept)) == chosen
