"""What every kind of certificate says at its head: number, addressee, contract, the policy in force."""

from datetime import datetime
from typing import Any

from services.certificates.document.inputs import TEXT_SIZE_MAX, LogPlace, Policy, Replaced
from services.certificates.domain.certificate import CODES
from services.certificates.order import Order
from services.certificates.views import Facts, LotFacts
from shared.deadline import Terms, due_on
from shared.events.tracking import PolicySet
from shared.simulated import is_marked

VERIFY_PATH = "/VERIFY/"  # upper case like the whole URL, so that the code stays small (alphanumeric mode)


def head(order: Order, known: Facts | LotFacts, place: LogPlace, *, origin: str, at: datetime) -> dict[str, Any]:
    """Return the fields that every kind has, by name."""
    deal, parties = known.engagement, known.parties
    return {
        "number": order.number,
        "sample": is_marked(deal.title),
        "issued_at": at,
        "addressee": f"{parties[deal.town]}長",
        "issuer": parties[deal.centre],
        "verify_url": f"{origin.upper()}{VERIFY_PATH}{order.number}",
        "contract": text(deal.contract),
        "replaces": _replaced(order),
        "log": place,
    }


def item_head(facts: Facts) -> dict[str, Any]:
    """Return the fields that every kind about one item has beside, by name."""
    item, deal = facts.registered, facts.engagement
    return {
        "due_on": due_on(
            facts.received_at, Terms(deal.certificate_days, deal.certificate_days_kind, deal.certificate_by)
        ),
        "item": str(item.item),
        "label": item.label,
        "property_number": text(item.asset_number),
        "policy": _policy(facts),
    }


def _replaced(order: Order) -> Replaced | None:
    if order.replaces is None:
        return None
    ja, en = CODES[order.code or "other"]
    said = f"{ja}：{order.reason}" if order.reason else ja
    return Replaced(number=order.replaces, ja=text(said) or ja, en=en)


def _policy(facts: Facts) -> Policy:
    required = facts.registered.required
    sets = [
        e.event for e in facts.entries if isinstance(e.event, PolicySet) and e.event.version == required.policy_version
    ]
    return Policy(
        source=sets[-1].source if sets else None,
        version=required.policy_version,
        media_class=required.media_class,
        raised=text(required.raised),
    )


def text(said: str | None) -> str | None:
    """Return a text as long as a field may be; nothing at all stays unknown."""
    return (said or "").strip()[:TEXT_SIZE_MAX] or None
