"""Moments and codes as a certificate prints them: Japanese first, English beside."""

from datetime import UTC, date, datetime, timedelta, timezone

from shared import techniques

JST = timezone(timedelta(hours=9), "JST")  # Japan has had no other since 1951; no table of zones is needed

ERAS = (("令和", date(2019, 5, 1)), ("平成", date(1989, 1, 8)), ("昭和", date(1926, 12, 25)))
WEEKDAYS = "月火水木金土日"

METHODS = {
    "clear": ("Clear（消去）", "Clear"),
    "purge": ("Purge（除去）", "Purge"),
    "destroy": ("Destroy（破壊）", "Destroy"),
}
TECHNIQUES = {
    "crush": ("粉砕", "Crushing"),
    "shred": ("細断", "Shredding"),
    "melt": ("溶融", "Melting"),
    "incinerate": ("焼却", "Incineration"),
    "disintegrate": ("粉砕（微細）", "Disintegration"),
    **techniques.WORDS,
    "unknown": ("手法の記載なし", "technique not stated"),
}
KINDS = {
    "destruction": ("破壊証明書", "Destruction"),
    "erasure": ("消去証明書", "Erasure"),
    "tracking": ("追跡証明書", "Tracking"),
}
STEPS = {
    "registered": ("登録", "Registered"),
    "erased": ("データ消去", "Erased"),
    "shipped-out": ("出庫", "Shipped out"),
    "received": ("入庫", "Received"),
    "destroyed": ("粉砕", "Destroyed"),
    "closed": ("終了", "Closed"),
}
ROLES = {
    "sanitised": ("処理した者", "Sanitised by"),
    "verified": ("検証した者", "Verified by"),
    "validated": ("妥当と認めた者", "Validated by"),
    "witness": ("立ち会った者", "Witnessed by"),
    "issued": ("証明した者", "Certified by"),
}
SHOTS = {"before": ("処理前", "Before"), "after": ("処理後", "After")}


def wareki(day: date) -> str:
    """Write a day in the Japanese calendar with its weekday: 令和3年9月30日（木）."""
    for era, first in ERAS:
        if day >= first:
            year = day.year - first.year + 1
            return f"{era}{'元' if year == 1 else year}年{day.month}月{day.day}日（{WEEKDAYS[day.weekday()]}）"
    return ""


def day(when: date) -> dict[str, str]:
    """Write a day for the page."""
    return {"iso": when.isoformat(), "wa": wareki(when)}


def moment(when: datetime) -> dict[str, str]:
    """Write a moment for the page, in Japan's time."""
    local = when.astimezone(JST)
    return {"iso": f"{local:%Y-%m-%d %H:%M}", "wa": wareki(local.date()), "clock": f"{local:%H:%M:%S}"}


def stated(at: datetime | None, said: str | None) -> dict[str, str] | None:
    """Write a time as a tool stated it: in Japan's time, or in its own digits where it gave no zone; None for none."""
    if at:
        return moment(at) | {"zone": "stated"}
    return {"iso": said.replace("T", " "), "zone": ""} if said else None


def label(bare: str) -> str:
    """Write a tracking ID as people read it: 7K3D-9Q2M-X."""
    return f"{bare[:4]}-{bare[4:8]}-{bare[8:]}" if len(bare) == 9 and bare.isalnum() else bare  # noqa: PLR2004  # ids.LABEL_LENGTH


def rfc3339(when: datetime) -> str:
    """Write a moment for machines, in UTC, to the second."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
