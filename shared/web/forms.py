"""Forms: validated on the server and shown again with everything that was typed; nothing entered is lost.

    form = Form(await request.form())
    tel = form.need("tel", _("電話番号"), pattern=PHONE, example="0233-43-2261")
    if form.errors:
        return render(request, "apply.html", 422, form=form)

Texts are Japanese msgids; the macros `mg_errors`, `mg_field` and `mg_choices` translate and show them.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.refused import Refused
from shared.web.i18n import msgid as _

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # tab and line breaks are typed, the others never
TEXT_MAX = 2000  # characters of one field when the caller names no limit


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: `label` and `say` are msgids, `example` shows a right value."""

    name: str
    label: str
    say: str
    example: str = ""


@dataclass
class Form:
    """What was typed, and what has to be mended. Starts empty for a first visit: `Form()`."""

    typed: Any = field(default_factory=dict)
    errors: dict[str, FieldError] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)  # of the fields asked for, so that a refusal can name them

    def value(self, name: str, default: str = "") -> str:
        """Return what was typed, as it was typed, for showing it again."""
        said = self.typed.get(name)
        return said if isinstance(said, str) else default

    def values(self, name: str) -> list[str]:
        """Return every ticked or repeated value of a name."""
        if hasattr(self.typed, "getlist"):
            return [said for said in self.typed.getlist(name) if isinstance(said, str)]
        said = self.typed.get(name, [])
        return [said] if isinstance(said, str) else list(said)

    def wrong(self, name: str, label: str, say: str, example: str = "") -> None:
        """Note a fault; the first one of a field stays."""
        self.errors.setdefault(name, FieldError(name, label, say, example))

    def may(
        self,
        name: str,
        label: str,
        *,
        longest: int = TEXT_MAX,
        pattern: re.Pattern[str] | None = None,
        example: str = "",
    ) -> str:
        """Return an optional text, trimmed; too long or against the pattern is noted.

        What fits the pattern only after NFKC (full-width digits) comes back so; what fits as typed stays: the letters
        of a name are nobody's to change.
        """
        self.labels[name] = label
        text = self.value(name).strip()
        if text and pattern and not pattern.fullmatch(text):
            text = unicodedata.normalize("NFKC", text)
            if not pattern.fullmatch(text):
                self.wrong(name, label, _("書き方が違います。例のように入れてください。"), example)
        if len(text) > longest:
            self.wrong(name, label, _("長すぎます。短くしてください。"))
        if _CONTROL.search(text):
            self.wrong(name, label, _("使えない文字が含まれています。入れ直してください。"))
        return text

    def need(
        self,
        name: str,
        label: str,
        *,
        longest: int = TEXT_MAX,
        pattern: re.Pattern[str] | None = None,
        example: str = "",
    ) -> str:
        """Return a required text; an empty one is noted."""
        text = self.may(name, label, longest=longest, pattern=pattern, example=example)
        if not text:
            self.wrong(name, label, _("入れてください。"), example)
        return text

    def number(self, name: str, label: str, *, least: int, most: int) -> int:
        """Return a required whole number between `least` and `most`, full-width digits allowed; `least` when wrong."""
        self.labels[name] = label
        text = unicodedata.normalize("NFKC", self.value(name)).strip()
        if text.isdecimal() and len(text) <= len(str(most)) and least <= int(text) <= most:
            return int(text)
        say = _("数を入れてください。") if not text.isdecimal() else _("範囲の中の数を入れてください。")
        self.wrong(name, label, say, f"{least}〜{most}")
        return least

    def choice(self, name: str, label: str, allowed: Iterable[str]) -> str:
        """Return one of the allowed values; another or none is noted."""
        self.labels[name] = label
        said = self.value(name)
        if said not in set(allowed):
            self.wrong(name, label, _("1つ選んでください。"))
        return said

    def choices(self, name: str, label: str, allowed: Iterable[str], *, least: int = 0) -> list[str]:
        """Return the ticked values among the allowed ones, each once; fewer than `least` is noted."""
        self.labels[name] = label
        good = set(allowed)
        said = [value for value in dict.fromkeys(self.values(name)) if value in good]
        if len(said) < least:
            self.wrong(name, label, _("1つ以上選んでください。"))
        return said

    def refused(self, refusal: Refused, lang: str = "ja", *, field: str = "") -> None:
        """Note what the rules said about a field the refusal names, or else `field`; without one it stands on top."""
        name = str(refusal.detail.get("field", field))
        self.wrong(name, self.labels.get(name, ""), refusal.ja if lang == "ja" else refusal.en)


@dataclass(frozen=True, slots=True)
class Steps:
    """Where in a form of several pages: the msgids of its pages and the current one, counted from 1."""

    names: Sequence[str]
    current: int


def carried(form: Form, names: Iterable[str]) -> Mapping[str, list[str]]:
    """Return what earlier pages typed, to be carried on as hidden fields."""
    return {name: said for name in names if (said := form.values(name))}
