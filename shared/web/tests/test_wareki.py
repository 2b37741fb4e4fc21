from datetime import UTC, date, datetime

import pytest

from shared.web.wareki import era, tokyo_day, wareki, wareki_en


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2019, 5, 1), "令和元年5月1日（水）"),
        (date(2019, 4, 30), "平成31年4月30日（火）"),
        (date(1989, 1, 8), "平成元年1月8日（日）"),
        (date(1989, 1, 7), "昭和64年1月7日（土）"),
        (date(1926, 12, 25), "昭和元年12月25日（土）"),
        (date(1926, 12, 24), "1926年12月24日（金）"),
        (date(2021, 9, 14), "令和3年9月14日（火）"),
    ],
)
def test_an_era_begins_and_ends_on_its_day(day: date, said: str) -> None:
    assert wareki(day) == said


def test_the_day_is_tokyos_not_utcs() -> None:
    last_minute_of_heisei = datetime(2019, 4, 30, 14, 59, tzinfo=UTC)
    first_minute_of_reiwa = datetime(2019, 4, 30, 15, 0, tzinfo=UTC)
    assert wareki(last_minute_of_heisei).startswith("平成31年4月30日")
    assert wareki(first_minute_of_reiwa).startswith("令和元年5月1日")


def test_a_moment_without_a_zone_is_utc() -> None:
    assert tokyo_day(datetime(2021, 9, 13, 23, 0)) == date(2021, 9, 14)  # noqa: DTZ001 - what the test is about


def test_english_readers_get_weekday_and_era() -> None:
    assert wareki_en(date(2021, 9, 14)) == "Tue, Reiwa 3"
    assert wareki_en(date(1900, 1, 1)) == "Mon"
    assert era(date(1900, 1, 1)) is None
