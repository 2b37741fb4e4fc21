"""The policy tables: every pair an inventory may state has its row, and a town's own rows are never looser."""

from typing import Any

import pytest

from services.tracking.domain.columns import GRADES, ZONES
from services.tracking.domain.policy import GUIDELINES, SOURCES, Source, check_floor, guideline_rows, required
from shared.events.tracking import Confidentiality, PolicyRow, PolicySet, Zone
from shared.levels import Level
from shared.refused import Invalid, Refused


def row_of(source: Source, zone: Zone, grade: Confidentiality, **changed: Any) -> PolicyRow:
    (row,) = (one for one in guideline_rows(source) if (one.zone, one.confidentiality) == (zone, grade))
    return row.model_copy(update=changed)


def grades_of(source: Source) -> set[Confidentiality]:
    return {grade for grades in GUIDELINES[source].classes.values() for grade in grades}


@pytest.mark.parametrize("grade", sorted(set(GRADES.values())))
@pytest.mark.parametrize("zone", sorted(set(ZONES.values())))
def test_every_pair_that_an_inventory_may_state_has_one_row_in_each_table_that_knows_its_grade(
    zone: Zone, grade: Confidentiality
) -> None:
    knowing = [source for source in SOURCES if grade in grades_of(source)]
    assert knowing, f"no table knows confidentiality {grade}"
    for source in knowing:
        row = row_of(source, zone, grade)
        policy = PolicySet(town="t", version="v", source=source, rows=guideline_rows(source))
        asked = required(policy, zone, grade)
        assert (asked.media_class, asked.on_site, asked.at_centre) == (row.media_class, row.on_site, row.at_centre)
    for source in set(SOURCES) - set(knowing):
        policy = PolicySet(town="t", version="v", source=source, rows=guideline_rows(source))
        with pytest.raises(Refused, match="行がありません"):
            required(policy, zone, grade)


def test_the_grades_of_a_version_are_its_own() -> None:
    assert {source: "".join(sorted(grades_of(source))) for source in SOURCES} == {
        "MIC R2.12": "123",
        "MIC R4.3": "123",
        "MIC R6.10": "123A3B3C",
        "MIC R7.3": "123A3B3C",
    }


def test_what_is_not_confirmed_of_a_version_is_marked_on_every_row() -> None:
    marked = {source: {row.unconfirmed for row in guideline_rows(source)} for source in SOURCES}
    assert marked["MIC R2.12"] == {("assurance",)}
    assert marked["MIC R4.3"] == marked["MIC R6.10"] == {("media_class", "on_site", "at_centre", "assurance")}
    assert marked["MIC R7.3"] == {("confidentiality", "media_class", "on_site", "at_centre", "assurance")}
    for names in (names for sets in marked.values() for names in sets):
        assert set(names) <= set(PolicyRow.model_fields)


@pytest.mark.parametrize("source", SOURCES)
def test_residents_data_is_destroyed_at_the_centre_and_never_less_than_clear_leaves_the_town_hall(
    source: Source,
) -> None:
    rows = guideline_rows(source)
    first = {(row.zone, row.confidentiality) for row in rows if row.media_class == 1}
    assert first == {("mynumber", grade) for grade in grades_of(source) if grade.startswith("3")}
    assert {row.at_centre for row in rows if row.media_class == 1} == {Level.DESTROY}
    assert {row.at_centre for row in rows if row.confidentiality == "1"} == {None}
    assert {row.on_site for row in rows} == {Level.CLEAR}
    purged = guideline_rows(source, on_site=Level.PURGE, assurance="both")
    assert {row.on_site for row in purged if row.media_class == 1} == {Level.PURGE}


@pytest.mark.parametrize("source", SOURCES)
def test_a_town_may_ask_for_more_in_every_row(source: Source) -> None:
    stricter: dict[str, Any] = {"media_class": 1, "on_site": Level.DESTROY, "at_centre": Level.DESTROY}
    check_floor(source, guideline_rows(source))
    check_floor(source, guideline_rows(source, on_site=Level.PURGE, assurance="both"))
    check_floor(source, [row.model_copy(update=stricter) for row in guideline_rows(source)])
    check_floor(source, [row.model_copy(update={"assurance": "both"}) for row in guideline_rows(source)])


@pytest.mark.parametrize(
    ("row", "ja", "en"),
    [
        (
            row_of("MIC R6.10", "mynumber", "3A", at_centre=Level.PURGE),
            "個人番号利用事務系・機密性3Aの行のセンターで求める水準は、Destroy（破壊）以上",
            "The row of the My-Number zone, confidentiality 3A, must ask for Destroy or more at the centre.",
        ),
        (
            row_of("MIC R6.10", "lgwan", "2", at_centre=None),
            "LGWAN接続系・機密性2の行のセンターで求める水準は、Purge（除去）以上",
            "The row of the LGWAN zone, confidentiality 2, must ask for Purge or more at the centre.",
        ),
        (
            row_of("MIC R6.10", "internet", "1", on_site=None),
            "インターネット接続系・機密性1の行の役場で求める水準は、Clear（消去）以上",
            "The row of the Internet zone, confidentiality 1, must ask for Clear or more at the town hall.",
        ),
        (
            row_of("MIC R6.10", "mynumber", "3C", media_class=2),
            "個人番号利用事務系・機密性3Cの行は、分類（1）以上の厳しさ",
            "The row of the My-Number zone, confidentiality 3C, must be of class 1 or stricter.",
        ),
    ],
)
def test_a_looser_row_is_refused_by_its_name_and_the_least_level(row: PolicyRow, ja: str, en: str) -> None:
    kept = [one for one in guideline_rows("MIC R6.10") if one != row]
    with pytest.raises(Invalid) as refused:
        check_floor("MIC R6.10", [*kept, row])
    assert refused.value.code == "looser-than-guideline"
    assert ja in refused.value.ja
    assert en in refused.value.en


def test_all_that_is_looser_is_named_at_once() -> None:
    nothing: dict[str, Any] = {"on_site": None, "at_centre": None}
    with pytest.raises(Invalid) as refused:
        check_floor("MIC R2.12", [row.model_copy(update=nothing) for row in guideline_rows("MIC R2.12")])
    assert len(refused.value.missing) == 15, "nine rows on site, six at the centre"


def test_no_job_begins_under_a_row_that_is_looser_though_a_table_of_before_the_floor_holds_it() -> None:
    stricter = row_of("MIC R2.12", "lgwan", "3", at_centre=Level.DESTROY)
    looser = row_of("MIC R2.12", "mynumber", "3", at_centre=Level.PURGE)
    old = PolicySet(town="t", version="旧版", source="MIC R2.12", rows=(stricter, looser))
    assert required(old, "lgwan", "3").at_centre is Level.DESTROY
    with pytest.raises(Refused, match="いまの基準表 旧版 は、もとの基準") as refused:
        required(old, "mynumber", "3")
    assert "個人番号利用事務系・機密性3の行のセンターで求める水準は、Destroy（破壊）以上" in refused.value.ja
    assert "must ask for Destroy or more at the centre" in refused.value.en


def test_a_row_of_a_grade_that_the_guideline_does_not_know_is_refused_and_an_older_table_s_stands() -> None:
    row = row_of("MIC R6.10", "mynumber", "3A")
    with pytest.raises(Invalid) as refused:
        check_floor("MIC R4.3", [row])
    assert refused.value.code == "no-such-grade"
    assert "個人番号利用事務系・機密性3Aの行は、もとの基準（MIC R4.3）にない区分です" in refused.value.ja
    assert "confidentiality 3A, is of a grade that the guideline (MIC R4.3) does not know" in refused.value.en
    old = PolicySet(town="t", version="旧版", source="MIC R2.12", rows=(row,))
    assert required(old, "mynumber", "3A").at_centre is Level.DESTROY, "the only way there was to speak of 3A"


def test_a_guideline_that_there_is_not_is_refused() -> None:
    with pytest.raises(Invalid, match="もとの基準「MIC R1"):
        check_floor("MIC R1.1", ())
