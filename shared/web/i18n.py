"""Languages: Japanese msgids, one English catalog for all services, compiled from .po when it is loaded.

`python -m shared.web.i18n extract` merges new msgids into the catalog; `check` lists what is not yet in English.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Literal, cast, get_args

from babel.core import Locale, negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from babel.support import NullTranslations, Translations
from starlette.requests import Request

Language = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
COOKIE = "lang"
ROOT = Path(__file__).parents[2]
CATALOG = ROOT / "shared" / "locale" / "en" / "LC_MESSAGES" / "meguru.po"
ACCEPT_MAX = 200  # a browser's Accept-Language is far shorter


def msgid(text: str) -> str:
    """Mark a text for extraction and return it unchanged: for tables that are read before a language is known."""
    return text


def language(request: Request) -> Language:
    """Return the reader's language: `?lang=`, else the cookie, else Accept-Language, else Japanese."""
    for said in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if said in LANGUAGES:
            return said
    wanted = _accepted(request.headers.get("accept-language", ""))
    return cast("Language", negotiate_locale(wanted, LANGUAGES, sep="-") or "ja")


def _accepted(header: str) -> list[str]:
    """Return the language tags of Accept-Language, most wanted first (RFC 9110 §12.5.4); strange weights count as 0."""
    weighed = []
    for part in header[:ACCEPT_MAX].split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((float(weight or 1), tag.strip().split("-")[0]))
        except ValueError:
            weighed.append((0.0, tag))
    return [tag for weight, tag in sorted(weighed, key=lambda pair: -pair[0]) if tag and weight > 0]


@lru_cache(maxsize=len(LANGUAGES))
def translations(lang: Language) -> NullTranslations:
    """Return the catalog of `lang`; Japanese is what the code says. The .po is compiled in memory, no .mo on disk."""
    if lang == "ja":
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, _read())
    compiled.seek(0)
    return Translations(compiled)


def translator(lang: Language) -> Callable[[str], str]:
    """Return gettext in `lang`."""
    return cast("Callable[[str], str]", translations(lang).gettext)


def used(root: Path = ROOT) -> Mapping[str | tuple[str, ...], list[str]]:
    """Return every msgid of templates and code under `shared/` and `services/`, with the files that use it."""
    found: dict[str | tuple[str, ...], list[str]] = {}
    for path, method in _sources(root):
        with path.open("rb") as source:
            for _line, message, _comments, _context in extract(method, source, keywords=_KEYWORDS, options=_OPTIONS):
                text = message if isinstance(message, str) else tuple(message)
                found.setdefault(text, []).append(path.relative_to(root).as_posix())
    return found


_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "msgid": None}
_OPTIONS = {"encoding": "utf-8", "silent": "false", "extensions": "jinja2.ext.do", "newstyle_gettext": "true"}


def _sources(root: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted([*root.glob("shared/web/**/*.html"), *root.glob("services/*/templates/**/*.html")]):
        yield path, "jinja2.ext:babel_extract"
    for path in sorted([*root.glob("shared/**/*.py"), *root.glob("services/**/*.py")]):
        if "tests" not in path.relative_to(root).parts:
            yield path, "python"


def untranslated(root: Path = ROOT) -> list[str]:
    """Return the msgids in use that have no English, with a file that uses each."""
    english = {message.id: message for message in _read() if message.id and message.string and not message.fuzzy}
    return [f"{text}  ({files[0]})" for text, files in sorted(used(root).items(), key=str) if text not in english]


def update(root: Path = ROOT) -> None:
    """Merge the msgids in use into the catalog; what is no longer used goes to its end as obsolete."""
    template = Catalog(charset="utf-8")
    for text, files in used(root).items():
        template.add(text, locations=[(file, 0) for file in sorted(set(files))])
    catalog = _read()
    catalog.update(template, no_fuzzy_matching=True, update_creation_date=False)
    written = BytesIO()
    write_po(written, catalog, width=120, sort_output=True, include_lineno=False, omit_header=True)
    CATALOG.write_bytes(_HEADER + written.getvalue())


# The library's own header carries a moment and addresses to fill in: both would only make diffs.
_HEADER = b"""# English for Meguru. Msgids are the Japanese sentences themselves. Apache-2.0, like the project.
msgid ""
msgstr ""
"Language: en\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def _read() -> Catalog:
    if not CATALOG.exists():
        return Catalog(locale=Locale("en"), domain="meguru", project="Meguru", charset="utf-8")
    with CATALOG.open("rb") as source:
        return read_po(source, locale="en", domain="meguru", charset="utf-8")


def _run(arguments: list[str]) -> int:
    match arguments:
        case ["extract"]:
            update()
            return 0
        case ["check"]:
            missing = untranslated()
            sys.stdout.write("".join(f"{line}\n" for line in missing))
            return 1 if missing else 0
        case _:
            sys.stderr.write("usage: python -m shared.web.i18n extract|check\n")
            return 2


if __name__ == "__main__":
    raise SystemExit(_run(sys.argv[1:]))
