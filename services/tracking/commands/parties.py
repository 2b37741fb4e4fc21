"""Commands about who takes part: towns, centres, carriers, their people, engagements and policies."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from services.tracking.domain import policy, requirement
from services.tracking.domain import roles as allowed
from services.tracking.tables import metadata
from shared import ledger
from shared.database import Transaction
from shared.deadline import DaysKind
from shared.directory import CARD, keep
from shared.entry import Entry
from shared.events.tracking import EngagementEnded, EngagementOpened, PartyAdded, PartyKind, PolicyRow, PolicySet
from shared.ids import FOUNDATION, derived
from shared.outbox import notify
from shared.refused import Invalid, Refused
from shared.simulated import MARK, is_marked

YEARS = range(2000, 2101)  # of an engagement's days; anything else is a slip of the finger


def party_stream(party: str) -> UUID:
    """Return the stream of a party: one for ever, from its id."""
    return derived(FOUNDATION, f"party:{party}")


def engagement_of(town: str, centre: str, contract: str) -> UUID:
    """Return the id of the engagement of this contract: the same contract is the same engagement."""
    return derived(party_stream(town), f"engagement:{centre}:{contract}")


async def add_party(
    tx: Transaction,
    party: str,
    kind: PartyKind,
    name: str,
    *,
    code: str | None = None,
    kana: str | None = None,
    address: str | None = None,
    contact: str | None = None,
) -> Entry[Any]:
    """Add a party. Adding the same one again answers with the first entry."""
    history = await ledger.read(tx, party_stream(party))
    if done := history.answered(tx.request):
        return done
    if history:
        raise Refused("party-exists", f"{name}はもう登録されています。", f"{party} is already registered.")
    event = PartyAdded(party=party, party_kind=kind, name=name, code=code, kana=kana, address=address, contact=contact)
    entry = await ledger.append(tx, history, event)
    await keep(tx, metadata.tables, [entry])
    return entry


def reference_of(party: str, request: UUID) -> str:
    """Make the reference of a new person: it says nothing of the name, and sending the form again makes it again."""
    return f"p-{hashlib.sha256(f'{party} {request}'.encode()).hexdigest()[:12]}"


async def enrol(
    tx: Transaction,
    person: str,
    *,
    name: str,
    title: str | None,
    contact: str | None,
    roles: list[str],
    email: str | None = None,
) -> None:
    """Put a person of the acting party on the deletable directory, here and on the bus.

    Raises Invalid for a role that is not one of such a party's, Refused for a reference that another party's person
    has: it would take that person's sessions over.
    """
    kind = await tx.connection.scalar(text("SELECT kind FROM parties WHERE party = :party"), {"party": tx.tenant})
    allowed.check(kind or tx.tenant.split("-")[0], roles)  # a party that is not here yet is what its id says
    people = metadata.tables["people"]
    card = {"name": name, "title": title, "contact": contact, "email": email, "roles": roles}
    row = {"person": person, "party": tx.tenant} | card
    statement = insert(people).values(row)
    put = await tx.connection.execute(
        statement.on_conflict_do_update(index_elements=["person"], set_=card, where=people.c.party == tx.tenant)
    )
    if not put.rowcount:
        raise Refused(
            "person-taken",
            "この人の番号はもう使われています。別の番号を付けてください。",
            "This reference is already somebody's. Choose another.",
        )
    await notify(tx, f"people.{tx.tenant}.{person}", json.dumps(card, ensure_ascii=False).encode())


async def write_to(tx: Transaction, person: str, email: str | None) -> None:
    """Change where a person of the acting party is written to; None: nowhere. Raises Invalid for nobody of it."""
    people = metadata.tables["people"]
    changed = await tx.connection.execute(
        people.update()
        .where(people.c.person == person, people.c.party == tx.tenant)
        .values(email=email)
        .returning(*(people.c[name] for name in CARD))
    )
    row = changed.one_or_none()
    if row is None:
        raise Invalid("nobody", "名簿にある人を選んでください。", "Choose a person on the directory.", field="person")
    await notify(tx, f"people.{tx.tenant}.{person}", json.dumps(row._asdict(), ensure_ascii=False).encode())


async def town_person(tx: Transaction, person: str, *, field: str) -> None:
    """Raise Invalid unless the person is on the directory of the acting town: a witness (立会い) is its own staff."""
    if not await tx.connection.scalar(
        text("SELECT count(*) FROM people WHERE party = :town AND person = :person"),
        {"town": tx.tenant, "person": person},
    ):
        raise Invalid(
            "nobody",
            "立会いは町の職員です。この人は町の名簿にありません。町の名簿にある人を選んでください。",
            "The witness is one of the town's staff, and this person is not on its directory. Choose one who is.",
            field=field,
        )


async def known_person(tx: Transaction, engagement: UUID, person: str, *, field: str) -> None:
    """Raise Invalid unless the person is on the directory of the engagement's town or centre: "x" is nobody's eyes."""
    if not await tx.connection.scalar(
        text(
            "SELECT count(*) FROM people p JOIN engagements e ON p.party IN (e.town, e.centre) "
            "WHERE e.engagement = :engagement AND p.person = :person"
        ),
        {"engagement": engagement, "person": person},
    ):
        raise Invalid(
            "nobody",
            "この人は、町にもセンターにも名簿がありません。名簿にある別の人を選んでください。",
            "This person is on neither the town's nor the centre's directory. Choose another person who is.",
            field=field,
        )


async def _known_partners(tx: Transaction, *, centre: str, carrier: str | None) -> None:
    """Raise Invalid unless an engagement's centre and carrier are registered, each as what it is to be."""
    for kind, party, ja in (("centre", centre, "センター"), ("carrier", carrier, "運送会社")):
        if party is not None and not await tx.connection.scalar(
            text("SELECT count(*) FROM parties WHERE party = :party AND kind = :kind"), {"party": party, "kind": kind}
        ):
            raise Invalid(
                "no-party",
                f"{ja}として登録されていない組織です。登録のある{ja}を選んでください。",
                f"This is not registered as a {kind}. Choose a {kind} that is.",
                field=kind,
            )


async def _all_simulated_or_none(tx: Transaction, title: str, parties: Sequence[str | None]) -> None:
    """Raise Invalid where a simulation and real work would meet: title and every party carry the mark, or none does."""
    names = await tx.connection.scalars(
        text("SELECT name FROM parties WHERE party = ANY(:parties)"), {"parties": [one for one in parties if one]}
    )
    if len({is_marked(name) for name in (title, *names)}) > 1:
        raise Invalid(
            "simulated-mixed",
            f"模擬（{MARK}）と実際の業務は、1つの契約に混ぜられません。契約の名前と組織のすべてに {MARK} を付けるか、"
            "どれにも付けないでください。",
            f"A simulation ({MARK}) and real work cannot share an engagement. Its title and all of its parties carry "
            "the mark, or none of them does.",
            field="title",
        )


def _days_of_a_contract(starts_on: date, ends_on: date, certificate_by: date | None) -> None:
    """Raise Invalid for days that are none of an engagement."""
    if ends_on < starts_on:
        raise Invalid(
            "dates",
            "契約の終わりの日が始まりより前です。日付を直してください。",
            "The engagement ends before it starts. Correct the dates.",
            field="ends_on",
        )
    for field, day in (("starts_on", starts_on), ("ends_on", ends_on), ("certificate_by", certificate_by)):
        if day and day.year not in YEARS:
            raise Invalid(
                "dates",
                f"{YEARS[0]}年から{YEARS[-1]}年までの日付を入れてください。",
                f"Give a date from {YEARS[0]} to {YEARS[-1]}.",
                field=field,
            )


async def open_engagement(
    tx: Transaction,
    *,
    centre: str,
    carrier: str | None,
    title: str,
    contract: str,
    starts_on: date,
    ends_on: date,
    certificate_days: int,
    certificate_days_kind: DaysKind = "calendar",
    certificate_by: date | None = None,
) -> Entry[Any]:
    """Let a centre act for this town, from a date to a date.

    Raises Invalid for days that are none of an engagement, and for a centre or a carrier that is not registered;
    Refused when the contract is.
    """
    engagement = engagement_of(tx.tenant, centre, contract)
    history = await ledger.read(tx, engagement)
    if done := history.answered(tx.request):
        return done
    if history:
        raise Refused(
            "engagement-exists",
            f"契約 {contract} はもう登録されています。契約番号を確かめてください。",
            f"The contract {contract} is already registered.",
        )
    _days_of_a_contract(starts_on, ends_on, certificate_by)
    await _known_partners(tx, centre=centre, carrier=carrier)
    await _all_simulated_or_none(tx, title, [tx.tenant, centre, carrier])
    event = EngagementOpened(
        engagement=engagement,
        town=tx.tenant,
        centre=centre,
        carrier=carrier,
        title=title,
        contract=contract,
        starts_on=starts_on,
        ends_on=ends_on,
        certificate_days=certificate_days,
        certificate_days_kind=certificate_days_kind,
        certificate_by=certificate_by,
    )
    entry = await ledger.append(tx, history, event)
    await keep(tx, metadata.tables, [entry])  # a town sees its contract at once, the bus down or not
    return entry


async def end_engagement(tx: Transaction, engagement: UUID) -> Entry[Any]:
    """End an engagement now."""
    history = await ledger.read(tx, engagement)
    if done := history.answered(tx.request):
        return done
    events = history.events
    if not events or not isinstance(events[0], EngagementOpened) or events[0].town != tx.tenant:
        raise Refused("no-engagement", "この契約は登録されていません。", "There is no such engagement.")
    if len(events) > 1:
        raise Refused("engagement-ended", "この契約はもう終わっています。", "This engagement has already ended.")
    opened = events[0]
    ended = EngagementEnded(engagement=engagement, town=opened.town, centre=opened.centre)
    entry = await ledger.append(tx, history, ended)
    await keep(tx, metadata.tables, [entry])
    return entry


async def set_policy(tx: Transaction, *, version: str, source: str, rows: tuple[PolicyRow, ...]) -> Entry[Any]:
    """Put a policy table into force for this town.

    Raises Invalid for a row that is looser than its source's, Refused for a version that is there.
    """
    history = await ledger.read(tx, policy_stream(tx.tenant))
    if done := history.answered(tx.request):
        return done
    if any(isinstance(event, PolicySet) and event.version == version for event in history.events):
        raise Refused(
            "policy-version",
            f"基準表 {version} はもうあります。新しい版の名前を付けてください。",
            f"There is already a policy table {version}. Name a new version.",
        )
    policy.check_floor(source, rows)
    return await ledger.append(tx, history, PolicySet(town=tx.tenant, version=version, source=source, rows=rows))


def policy_stream(town: str) -> UUID:
    """Return the stream of a town's policy tables."""
    return derived(party_stream(town), "policy")


async def policy_in_force(tx: Transaction) -> PolicySet:
    """Return the town's newest policy table. Raises Refused when it has none yet."""
    events = (await ledger.read(tx, policy_stream(tx.tenant))).events
    if not events or not isinstance(events[-1], PolicySet):
        raise Refused(
            "no-policy",
            "町の基準表がまだありません。基準表を決めてから登録してください。",
            "The town has no policy table yet. Set one first.",
        )
    return events[-1]


def requirement_stream(engagement: UUID) -> UUID:
    """Return the stream of what a job asks of its own."""
    return derived(engagement, "requirement")


async def job_rule(tx: Transaction, engagement: UUID) -> requirement.Raised:
    """Return what a job asks beyond its town's policy; mostly nothing."""
    return requirement.fold((await ledger.read(tx, requirement_stream(engagement))).events)
