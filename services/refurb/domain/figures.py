"""The figures of the second life, each with its formula and its source. Pure.

What is avoided is an estimate and said to be one: it takes each machine in use for a new one that nobody had to make,
which is the most it can be, and the makers' own balances, which differ by a factor of two and more.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.events.tracking import ItemKind


@dataclass(frozen=True, slots=True)
class Factor:
    """Kilograms of CO₂ equivalent that making and shipping one new machine gives off, and who says so."""

    kg: float
    ja: str
    en: str


FACTORS_VERSION = "2026-11"
FACTORS: Mapping[ItemKind, Factor] = {
    "desktop": Factor(
        339,
        "富士通 ESPRIMO E9900 のライフサイクル評価（2010年、ISO 14040・14044、フラウンホーファーIZMが検証）："
        "製造と輸送 339 kg",
        "Life cycle assessment of Fujitsu's ESPRIMO E9900 (2010, ISO 14040 and 14044, reviewed by Fraunhofer IZM): "
        "making and transport, 339 kg",
    ),
    "notebook": Factor(
        160,
        "メーカー各社の公表値（普及機で200から300 kg、うち利用時が1割から2割）の下限から：200 kg × 0.8",
        "From the low end of what makers publish (200 to 300 kg for plain machines, a tenth or a fifth of it in use): "
        "200 kg × 0.8",
    ),
}


@dataclass(frozen=True, slots=True)
class Reuse:
    """Of one kind: how many were reborn, and how many became material."""

    reborn: int
    material: int

    @property
    def rate(self) -> float | None:
        """Reborn out of all whose way is decided; None while none is."""
        decided = self.reborn + self.material
        return self.reborn / decided if decided else None


@dataclass(frozen=True, slots=True)
class Avoided:
    """Of one kind: machines in use, and what was not made for them."""

    units: int
    factor: Factor

    @property
    def kg(self) -> float:
        """Kilograms of CO₂ equivalent: units × factor."""
        return self.units * self.factor.kg


def avoided(in_use: Mapping[ItemKind, int]) -> dict[ItemKind, Avoided]:
    """Return what is avoided by each kind that has a factor."""
    return {kind: Avoided(units, FACTORS[kind]) for kind, units in sorted(in_use.items()) if kind in FACTORS}


def reuse(reborn: Mapping[str, int], material: Mapping[str, int]) -> dict[str, Reuse]:
    """Return each kind's counts."""
    return {kind: Reuse(reborn.get(kind, 0), material.get(kind, 0)) for kind in sorted({*reborn, *material})}
