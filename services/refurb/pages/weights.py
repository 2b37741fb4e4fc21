"""Kilograms as people type them: full-width digits, one field a material, nothing where there is none."""

import unicodedata
from typing import Any

from pydantic import ValidationError

from shared.events.refurb import Weight
from shared.web.forms import Form
from shared.web.i18n import msgid as _

MATERIALS = {
    "ferrous": _("鉄"),
    "non-ferrous": _("非鉄金属"),
    "plastic": _("プラスチック"),
    "circuit-board": _("基板"),
    "battery": _("電池"),
    "other": _("そのほか"),
}


def weights(form: Form) -> list[dict[str, Any]]:
    """Return the weights of a form by material; none at all is noted as a fault."""
    given = []
    for material, word in MATERIALS.items():
        said = unicodedata.normalize("NFKC", form.may(material, word, longest=20))
        if not said:
            continue
        try:
            weight = Weight.model_validate({"material": material, "kg": said})
        except ValidationError:
            form.wrong(material, word, _("0より大きい数をキログラムで入れてください。"), "2.35")
        else:
            given.append(weight.model_dump())
    if not given and not form.errors:
        form.wrong("ferrous", MATERIALS["ferrous"], _("重さを1つ以上入れてください。"), "2.35")
    return given


def decimal(form: Form, name: str, label: str, *, least: float, most: float, example: str) -> float:
    """Return a required number of a form; one that is none, or out of bounds, is noted, and `least` comes back."""
    typed = unicodedata.normalize("NFKC", form.need(name, label, longest=20, example=example)).replace(",", "")
    try:
        said = float(typed) if typed else least
    except ValueError:
        said = float("nan")
    if least <= said <= most:
        return said
    form.wrong(name, label, _("範囲の中の数を入れてください。"), example)
    return least
