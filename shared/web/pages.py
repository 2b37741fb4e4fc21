"""Pages: templates of a service before the shared ones, in the reader's language, with the house's filters."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel.numbers import format_decimal
from jinja2 import BytecodeCache, ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from shared.web import figures
from shared.web.i18n import COOKIE, LANGUAGES, Language, language, translations, translator
from shared.web.qr import qr_path
from shared.web.static_files import static_url
from shared.web.viewer import NAV, PUBLIC
from shared.web.wareki import TOKYO, wareki, wareki_en

TEMPLATES = Path(__file__).parent / "templates"
COOKIE_AGE_S = 365 * 24 * 3600

_KILO, _TWO_DIGITS = 1000, 10

# Counters are msgids of their own: the English word depends on the number.
_COUNTERS: Mapping[str, tuple[str, str]] = {
    "台": ("device", "devices"),
    "通": ("document", "documents"),
    "件": ("item", "items"),
    "枚": ("photo", "photos"),
    "枚のラベル": ("label", "labels"),
    "団体": ("group", "groups"),
    "人": ("person", "people"),
    "日": ("day", "days"),
    "か所": ("place", "places"),
    "つ": ("", ""),
}


class Pages:
    """The templates of one service, ready in every language."""

    def __init__(self, templates: Path | None = None) -> None:
        folders = [folder for folder in (templates, TEMPLATES) if folder is not None]
        compiled = _Compiled()
        self.environments = {lang: _environment(folders, lang, compiled) for lang in LANGUAGES}

    def compile(self) -> None:
        """Compile every template, so that nobody waits for it on the first page: about half a second, once."""
        for environment in self.environments.values():
            for name in environment.list_templates(extensions=["html"]):
                environment.get_template(name)

    def text(self, template: str, lang: Language, **context: Any) -> str:
        """Return a template's text in `lang`."""
        return self.environments[lang].get_template(template).render(context)


class _Compiled(BytecodeCache):
    """The compiled templates of this process: the languages differ in their words, not in their code."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


def render(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """Return a page in the reader's language. `request.state.viewer` says whose page it is, else it is public."""
    lang = language(request)
    viewer = getattr(request.state, "viewer", PUBLIC)
    pages: Pages = request.app.state.pages
    facts = {"request": request, "viewer": viewer, "nav": NAV[viewer.audience], "here": request.url.path}
    text = pages.text(template, lang, **facts, lang_href=_other_language(request, lang), **context)
    page = HTMLResponse(text, status, {"content-language": lang, "vary": "Accept, Accept-Language, Cookie"})
    if request.query_params.get("lang") in LANGUAGES:
        secure = request.url.scheme == "https"
        page.set_cookie(COOKIE, lang, COOKIE_AGE_S, httponly=True, samesite="lax", secure=secure)
    return page


def _other_language(request: Request, lang: Language) -> str:
    """Return this very page in the other language, its query kept."""
    other = next(one for one in LANGUAGES if one != lang)
    url = request.url.include_query_params(lang=other)
    return f"{url.path}?{url.query}"


def _environment(folders: list[Path], lang: Language, compiled: BytecodeCache) -> Environment:
    loader = ChoiceLoader([FileSystemLoader(folder) for folder in folders])
    environment = Environment(
        loader=loader,
        bytecode_cache=compiled,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # the files do not change while a process runs; looking costs a tenth of a page
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    environment.install_gettext_translations(translations(lang), newstyle=True)  # type: ignore[attr-defined]  # added by the i18n extension
    environment.globals |= dict.fromkeys(("_", "gettext"), _saying(lang))
    environment.filters |= filters(lang)
    environment.globals |= {
        "lang": lang,  # a global, so that components, imported without the page's context, are made once and not a page
        "static_url": static_url,
        "qr_path": qr_path,
        "figures": figures,
        "lang_counter": lambda counter: counter if lang == "ja" else "",  # small, beside a big number
    }
    return environment


def _saying(lang: Language) -> Callable[..., Markup]:
    """Return `_()` as Jinja's newstyle gettext does it, with what a text of the templates is worked out once."""
    said = translator(lang)

    @lru_cache(maxsize=8192)
    def plain(text: str) -> Markup:
        return Markup(said(text)) % {}  # noqa: S704 - a text of our templates; what goes into it is escaped

    def saying(text: str, **variables: object) -> Markup:
        return Markup(said(text)) % variables if variables else plain(text)  # noqa: S704 - the same

    return saying


def filters(lang: Language) -> dict[str, Any]:
    """Return the house's template filters in `lang`."""
    return {
        "mg_date": lambda moment, **how: mg_date(moment, lang, **how),
        "label": grouped,
        "number": lambda value: _number(value, lang),
        "counted": lambda value, counter: counted(value, counter, lang),
        "bytes": sized,
        "translated": lambda text: translated(text, lang),
    }


def translated(text: str, lang: Language) -> str:
    """Return a word of a table in the reader's language; any other text comes back as it is, still to be escaped.

    Templates use this for every text that is not written in them: `_()` would take it for markup and for a format.
    """
    return translator(lang)(str(text)) if text else ""


def mg_date(moment: date | datetime, lang: Language = "ja", *, stack: bool = False) -> Markup:
    """Return a moment twice, ISO and 和暦 with its weekday, in Tokyo. A moment without a zone is UTC.

    A bare date has no time of day. Seconds are left out; the machine-readable attribute keeps minutes and offset.
    """
    if isinstance(moment, datetime):
        local = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(TOKYO)
        machine, iso = local.isoformat(timespec="minutes"), local.strftime("%Y-%m-%d %H:%M")
    else:
        machine = iso = moment.isoformat()
    beside = wareki(moment) if lang == "ja" else wareki_en(moment)
    return Markup(
        '<time class="mg-date{}" datetime="{}"><span class="mg-date__iso">{}</span> '
        '<span class="mg-date__wa">{}</span></time>'
    ).format(" mg-date--stack" if stack else "", machine, iso, beside)


def grouped(label: str) -> str:
    """Return a tracking ID in groups for reading: 7K3D9Q2MX → 7K3D-9Q2M-X; anything else stays as it is."""
    bare = str(label).replace("-", "")
    return f"{bare[:4]}-{bare[4:8]}-{bare[8:]}" if len(bare) == len("7K3D9Q2MX") else str(label)


def counted(value: int, counter: str, lang: Language = "ja") -> str:
    """Return a number with its counter: 160台, in English 160 devices."""
    number = _number(value, lang)
    if lang == "ja":
        return f"{number}{counter}"
    return f"{number} {_COUNTERS[counter][0 if value == 1 else 1]}".rstrip()


def _number(value: float, lang: Language) -> str:
    """Write a number; a small whole one is written the same everywhere."""
    small = isinstance(value, int) and 0 <= value < _KILO
    return str(value) if small else format_decimal(value, locale=lang)


def sized(value: int) -> str:
    """Return a size for people, powers of 1000 as on the box: 41 MB."""
    size, units = float(value), ["B", "kB", "MB", "GB", "TB"]
    while size >= _KILO and len(units) > 1:
        size /= _KILO
        units.pop(0)
    digits = 1 if size < _TWO_DIGITS and value >= _KILO else 0
    return f"{size:.{digits}f} {units[0]}"
