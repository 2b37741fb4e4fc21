"""The policy: which media, which treatment, which assurance (MIC guideline R2.12). Pure data and one look-up.

The rule table is data, per town, with a version that goes on every item and certificate. What the guideline's wording
leaves open is marked on the row, not decided here.
"""

from collections.abc import Sequence

from shared.events.tracking import Assurance, Confidentiality, PolicyRow, PolicySet, Required, Zone
from shared.levels import Level
from shared.refused import Refused

# MIC guideline R2.12 (令和2年12月版), the pilot's: class 1 asks for Clear at the town hall; the pilot itself did Purge.
_CLASS_1 = {"media_class": 1, "at_centre": Level.DESTROY}
_CLASS_2 = {"media_class": 2, "on_site": Level.CLEAR, "at_centre": Level.PURGE}
_CLASS_3 = {"media_class": 3, "on_site": Level.CLEAR, "at_centre": None}


def mic_r2_12(
    *, on_site: Level = Level.CLEAR, assurance: Assurance = "onsite_erase_plus_certificate"
) -> tuple[PolicyRow, ...]:
    """Return the guideline's table; a town may ask for more on site than its least (the pilot: Purge)."""
    rows: list[PolicyRow] = []
    zones: Sequence[Zone] = ("mynumber", "lgwan", "internet")
    grades: Sequence[Confidentiality] = ("3", "2", "1")
    for zone in zones:
        for grade in grades:
            if zone == "mynumber" and grade == "3":
                row = PolicyRow(
                    zone=zone,
                    confidentiality=grade,
                    on_site=on_site,
                    assurance=assurance,
                    unconfirmed=("assurance",),
                    **_CLASS_1,
                )
            elif grade in ("3", "2"):
                row = PolicyRow(
                    zone=zone, confidentiality=grade, assurance=assurance, unconfirmed=("assurance",), **_CLASS_2
                )
            else:
                row = PolicyRow(
                    zone=zone, confidentiality=grade, assurance="witnessed", unconfirmed=("assurance",), **_CLASS_3
                )
            rows.append(row)
    return tuple(rows)


def required(policy: PolicySet, zone: Zone, confidentiality: Confidentiality) -> Required:
    """Return what the policy asks of a medium. Raises Refused when the table has no such row."""
    for row in policy.rows:
        if (row.zone, row.confidentiality) == (zone, confidentiality):
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
