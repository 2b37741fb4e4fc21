"""The policy: which media, which treatment, which assurance, by version of MIC's guideline. Pure data and look-ups.

The rule table is data, per town, with a version that goes on every item and certificate. What the guideline's wording
leaves open, and what we could not confirm of a version, is marked on the row, not decided here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from services.tracking.domain.item import WORDS, Lack
from shared.events.tracking import Assurance, Confidentiality, PolicyRow, PolicySet, Required, Zone
from shared.levels import Level, at_least
from shared.refused import Invalid, Refused

# 地方公共団体における情報セキュリティポリシーに関するガイドライン (総務省), by the month a version is dated.
Source = Literal["MIC R2.12", "MIC R4.3", "MIC R6.10", "MIC R7.3"]
MediaClass = Literal[1, 2, 3]
SOURCES: tuple[Source, ...] = get_args(Source)
ROWS_MAX = len(get_args(Zone)) * len(get_args(Confidentiality))  # of a town's own table: one for each pair

ZONES: Mapping[Zone, tuple[str, str]] = {
    "mynumber": ("個人番号利用事務系", "My-Number zone"),
    "lgwan": ("LGWAN接続系", "LGWAN zone"),
    "internet": ("インターネット接続系", "Internet zone"),
}


@dataclass(frozen=True, slots=True)
class Guideline:
    """One version: the class of each pair of zone and grade, and what of its rows is not confirmed."""

    classes: Mapping[Zone, Mapping[Confidentiality, MediaClass]]
    unconfirmed: tuple[str, ...]  # fields of every row


# The grades of the guideline until R6.10: 機密性3, 2, 1.
_THREE: Mapping[Zone, Mapping[Confidentiality, MediaClass]] = {
    "mynumber": {"3": 1, "2": 2, "1": 3},
    "lgwan": {"3": 2, "2": 2, "1": 3},
    "internet": {"3": 2, "2": 2, "1": 3},
}
# 自治体機密性 since R6.10. Which of 3A, 3B and 3C holds residents' data is not confirmed: in the My-Number zone each is
# asked the most, and the class is marked.
_FIVE: Mapping[Zone, Mapping[Confidentiality, MediaClass]] = {
    "mynumber": {"3A": 1, "3B": 1, "3C": 1, "2": 2, "1": 3},
    "lgwan": {"3A": 2, "3B": 2, "3C": 2, "2": 2, "1": 3},
    "internet": {"3A": 2, "3B": 2, "3C": 2, "2": 2, "1": 3},
}
# R2.12 is the version the pilot worked by. That later ones kept its classes and levels is not confirmed, nor that R7.3
# kept the grades of R6.10: their rows say so, field by field, until the town has read its guideline.
_CARRIED_ON = ("media_class", "on_site", "at_centre", "assurance")
GUIDELINES: Mapping[Source, Guideline] = {
    "MIC R2.12": Guideline(_THREE, ("assurance",)),
    "MIC R4.3": Guideline(_THREE, _CARRIED_ON),
    "MIC R6.10": Guideline(_FIVE, _CARRIED_ON),
    "MIC R7.3": Guideline(_FIVE, ("confidentiality", *_CARRIED_ON)),
}

# The least at the town hall and at the contractor; the path of assurance where the town has no choice of one.
_LEAST: Mapping[MediaClass, tuple[Level, Level | None, Assurance | None]] = {
    1: (Level.CLEAR, Level.DESTROY, None),
    2: (Level.CLEAR, Level.PURGE, None),
    3: (Level.CLEAR, None, "witnessed"),  # staff confirm that it is done
}


def guideline_rows(
    source: Source, *, on_site: Level = Level.CLEAR, assurance: Assurance = "onsite_erase_plus_certificate"
) -> tuple[PolicyRow, ...]:
    """Return a version's table; a town may ask for more on site of class 1 than its least (the pilot: Purge)."""
    guideline = GUIDELINES[source]
    rows: list[PolicyRow] = []
    for zone, grades in guideline.classes.items():
        for grade, media_class in grades.items():
            here, there, path = _LEAST[media_class]
            rows.append(
                PolicyRow(
                    zone=zone,
                    confidentiality=grade,
                    media_class=media_class,
                    on_site=on_site if media_class == 1 else here,
                    at_centre=there,
                    assurance=path or assurance,
                    unconfirmed=guideline.unconfirmed,
                )
            )
    return tuple(rows)


def check_floor(source: str, rows: Sequence[PolicyRow]) -> None:
    """Raise Invalid unless each row is at least as strict as its source's, naming the row and the least.

    A policy is a minimum: a town's may be stricter, never looser. Of the paths of assurance the guideline leaves the
    choice to the town, so none of them is looser than another.
    """
    known = _known(source)
    if known is None:
        raise Invalid(
            "no-guideline",
            f"もとの基準「{source[:40]}」はありません。{'、'.join(SOURCES)} から選んでください。",
            f'There is no guideline "{source[:40]}". Choose one of {", ".join(SOURCES)}.',
            field="source",
        )
    floors = _floors(known)
    for row in rows:
        if (row.zone, row.confidentiality) not in floors:
            named = _named(row)
            raise Invalid(
                "no-such-grade",
                f"{named.ja}は、もとの基準（{source}）にない区分です。行を外すか、その区分のある基準を選んでください。",
                f"{named.en} is of a grade that the guideline ({source}) does not know. "
                "Drop it, or choose a guideline that does.",
                field="rows",
            )
    if lacks := [one for row in rows for one in _looser(row, floors[row.zone, row.confidentiality])]:
        raise Invalid(
            "looser-than-guideline",
            f"基準表は、もとの基準（{source}）より緩くできません。{lacks[0].ja}",
            f"A policy table may not be looser than its guideline ({source}). {lacks[0].en}",
            missing=tuple(one.ja for one in lacks),
            field="rows",
        )


def _known(source: str) -> Source | None:
    return next((one for one in SOURCES if one == source), None)


@cache
def _floors(source: Source) -> Mapping[tuple[Zone, Confidentiality], PolicyRow]:
    return {(row.zone, row.confidentiality): row for row in guideline_rows(source)}


def _named(row: PolicyRow) -> Lack:
    ja, en = ZONES[row.zone]
    return Lack(
        f"{ja}・機密性{row.confidentiality}の行", f"The row of the {en}, confidentiality {row.confidentiality},"
    )


def _looser(row: PolicyRow, floor: PolicyRow) -> Iterator[Lack]:
    """Yield what a row asks too little of, one sentence each."""
    named = _named(row)
    if row.media_class > floor.media_class:
        yield Lack(
            f"{named.ja}は、分類（{floor.media_class}）以上の厳しさにしてください。",
            f"{named.en} must be of class {floor.media_class} or stricter.",
        )
    for asked, least, where, place in (
        (row.on_site, floor.on_site, "役場で求める水準", "at the town hall"),
        (row.at_centre, floor.at_centre, "センターで求める水準", "at the centre"),
    ):
        if least is not None and not at_least(asked, least):
            yield Lack(
                f"{named.ja}の{where}は、{WORDS[least]}以上にしてください。",
                f"{named.en} must ask for {least.value.capitalize()} or more {place}.",
            )


def required(policy: PolicySet, zone: Zone, confidentiality: Confidentiality) -> Required:
    """Return what the policy asks of a medium.

    Raises Refused when the table has no such row, or one that is looser than its guideline's: tables were put into
    force before there was a floor, and no job begins under such a row.
    """
    source = _known(policy.source)
    floor = _floors(source).get((zone, confidentiality)) if source else None
    for row in policy.rows:
        if (row.zone, row.confidentiality) == (zone, confidentiality):
            if lack := next(_looser(row, floor), None) if floor else None:
                raise Refused(
                    "looser-than-guideline",
                    f"いまの基準表 {policy.version} は、もとの基準（{policy.source}）より緩いので、登録できません。"
                    f"{lack.ja}"
                    "町の管理者に、新しい版を決めてもらってください。",
                    f"The policy table {policy.version} is looser than its guideline ({policy.source}), so nothing is "
                    f"registered under it. {lack.en} Ask the town's administrator to set a new version.",
                )
            return Required(
                media_class=row.media_class,
                on_site=row.on_site,
                at_centre=row.at_centre,
                assurance=row.assurance,
                policy_version=policy.version,
            )
    raise Refused(
        "no-policy-row",
        f"基準表 {policy.version} に、この組み合わせ（{zone}、機密性{confidentiality}）の行がありません。"
        "基準表に足すか、機器の区分を直してください。",
        f"The policy table {policy.version} has no row for ({zone}, {confidentiality}). Add one, or correct the item.",
    )
