"""Papers of a call, from the same record as its page: the circular (回覧) and the application form (申込書).

Data reach the templates as JSON, never as markup; what is said of a rule or a use are the words of the pages.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from services.donations.correspondence import Addressed
from services.donations.domain.application import USES
from shared.events.donations import CallOpened, RoundOpened
from shared.press import press, qr_svg
from shared.web.wareki import TOKYO, wareki

TEMPLATES = Path(__file__).parent / "templates"
STANDARDS = ("ua-1",)  # PDF/UA: the papers are published, people listen to them
LEAD = "役場の使用済みパソコンを再生し、集落や福祉施設などで使っていただく事業です。"
HEADING = "再生パソコン 申込書"


def circular(
    call: CallOpened, further: RoundOpened | None, *, words: dict[str, Any], town: str, origin: str, fonts: Path
) -> bytes:
    """Return the circular of a call in its round as a PDF of one A4 page, with a QR code to its page."""
    url = f"{origin}/calls/{call.number}"
    offer, spec = further or call, call.spec
    data = _told(call, further, town) | {
        "lead": LEAD,
        "units": offer.units,
        "kinds": [words["kind"][kind] for kind in offer.item_kinds],
        "order_says": words["order_says"][call.rule],
        "rule": words["rule"][call.rule],
        "rule_says": words["rule_says"][call.rule],
        "criteria": [{"name": one.name, "points": one.points_max} for one in call.criteria],
        "spec": [
            ["OS", spec.os],
            ["内蔵ストレージ", f"SSD {spec.ssd_gb}GB（新品）"],
            ["メモリ", f"{spec.memory_gb}GB"],
            ["ソフト", spec.office],
            ["サポート", f"電話サポート {spec.support_months}か月"],
        ],
        "url": url,
        "qr": qr_svg(url),
    }
    return press(_template("circular"), data, fonts, standards=STANDARDS)


def form(call: CallOpened, further: RoundOpened | None, *, words: dict[str, Any], town: str, fonts: Path) -> bytes:
    """Return the application form of a call as a PDF of one A4 page: the fields of the page, and the desk's box."""
    uses = [words["use"][use] for use in USES]
    data = _told(call, further, town) | {"heading": HEADING, "uses": uses, "consent_version": call.consent_version}
    return press(_template("form"), data, fonts, standards=STANDARDS)


def letters(addressed: Sequence[Addressed], *, town: str, contact: str, title: str, at: datetime, fonts: Path) -> bytes:
    """Return letters to applicants as one PDF, a page each at least, with a QR code to the applicant's own page."""
    data = {
        "title": title,
        "town": town,
        "contact": contact,
        "on": {"iso": at.astimezone(TOKYO).date().isoformat(), "wa": wareki(at)},
        "letters": [
            {
                "receipt": one.receipt,
                "group": one.group,
                "representative": one.representative,
                "address": one.address,
                "subject": one.words.subject,
                "lines": one.words.body.splitlines(),
                "qr": qr_svg(one.link),
            }
            for one in addressed
        ],
    }
    return press(_template("letters"), data, fonts, standards=STANDARDS)


def _told(call: CallOpened, further: RoundOpened | None, town: str) -> dict[str, Any]:
    offer = further or call
    return {
        "title": call.title,
        "number": call.number,
        "round": further.round if further else 1,
        "town": town,
        "opens": _moment(offer.opens_at),
        "closes": _moment(offer.closes_at),
        "categories": [{"name": one.name, "cap": one.cap} for one in call.categories],
        "consent": call.consent,
        "contact": call.contact,
    }


def _moment(at: datetime) -> dict[str, str]:
    local = at.astimezone(TOKYO)
    return {"iso": local.strftime("%Y-%m-%d %H:%M"), "wa": wareki(at)}


@lru_cache(maxsize=8)
def _template(name: str) -> str:
    return (TEMPLATES / f"{name}.typ").read_text("utf-8")
