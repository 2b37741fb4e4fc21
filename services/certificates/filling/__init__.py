"""Fills a document's input from what is known: references become names here, and what nobody recorded stays unknown."""

from datetime import datetime

from services.certificates.document.inputs import Input, LogPlace
from services.certificates.filling.destruction import destruction
from services.certificates.filling.erasure import erasure
from services.certificates.filling.head import head, item_head
from services.certificates.filling.lot import lot
from services.certificates.filling.tracking import tracking
from services.certificates.order import Order
from services.certificates.views import Facts, LotFacts
from shared.entry import Entry
from shared.events.certificates import LotRequested
from shared.events.erasure import MediumDestroyed, MediumErased
from shared.events.tracking import CustodyClosed


def fill(order: Order, facts: Facts | LotFacts, place: LogPlace, *, origin: str, at: datetime) -> Input:
    """Return the whole input of a certificate. Raises ValueError for a kind that is not issued."""
    cited = Entry.read(order.body, order.salt)
    shared = head(order, facts, place, origin=origin, at=at)
    match facts, cited.event:
        case LotFacts(), LotRequested():
            return lot(cited, facts, shared)
        case Facts(), MediumDestroyed():
            return destruction(cited, facts, shared | item_head(facts))
        case Facts(), MediumErased():
            return erasure(cited, facts, shared | item_head(facts))
        case Facts(), CustodyClosed():
            return tracking(cited, facts, shared | item_head(facts))
        case _:
            raise ValueError(f"no certificate is issued of {cited.kind}")
