"""People at the same cage at the same moment: no scan is lost, and the later one hears what happened."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.tracking.commands.losses import loss_of
from services.tracking.tests.actors import Api
from services.tracking.tests.entries import erased, hear
from shared.entry import Entry
from shared.ids import uuid7
from shared.testing import CENTRE, TOWN

TWO = ("worker", "manager")
OF_THE_TOWN = ("clerk", "admin")


@dataclass(slots=True)
class Rivals:
    """Two people of the centre who do the same things at once; what a cage holds once one of them sealed it."""

    api: Api
    dice: random.Random
    seed: int
    streams: dict[str, UUID]
    cage: str = ""
    inside: tuple[str, ...] = ()

    async def act(self, path: str, who: str, **body: Any) -> httpx.Response:
        """Send a request now or a moment later."""
        await asyncio.sleep(self.dice.choice((0, 0, self.dice.random() / 100)))
        said = {"request": str(uuid7())} | body
        return await self.api.send(who, "POST", path, json=said, params={"town": TOWN})

    async def seal(self, who: str, labels: list[str], number: str, seal: str) -> httpx.Response:
        """Seal a cage with these in it."""
        said = {"engagement": str(self.api.engagement), "number": number, "seal": seal, "labels": labels}
        return await self.act("/cages", who, **said)

    async def scan(self, who: str) -> httpx.Response:
        """Scan in what is in the cage, in some order."""
        scans = [{"requestId": str(uuid7()), "work": "received", "label": label} for label in self.inside]
        self.dice.shuffle(scans)
        await asyncio.sleep(self.dice.random() / 100)
        return await self.api.send(who, "POST", "/scans", json={"scans": scans})

    async def ledger(self, stream: UUID) -> list[Entry[Any]]:
        """Return what a stream's ledger holds."""
        query = "SELECT body, salt FROM entries WHERE stream = :s ORDER BY sequence"
        return [Entry.read(one.body, one.salt) for one in await self.api.tracking.rows(query, s=stream)]


def one_wins(answers: Sequence[httpx.Response], *codes: str) -> httpx.Response:
    """Return the one answer that was recorded; each of the others says in a sentence what happened, by its code."""
    won = [one for one in answers if one.status_code == 201]
    assert len(won) == 1, [(one.status_code, one.text) for one in answers]
    for lost in answers:
        if lost is not won[0]:
            said = lost.json()
            assert lost.status_code == 409
            assert said["code"] in codes, said
            assert said["detail"].endswith("。")
    return won[0]


@pytest.mark.parametrize("seed", range(20))
async def test_people_at_the_same_cage_at_once_lose_no_scan_and_the_later_one_hears_what_happened(
    api: Api, seed: int
) -> None:
    labels = await api.items(*(f"Q{seed}-{nth}" for nth in range(5)))
    streams = {label: (await api.entry(label)).stream for label in labels}
    rivals = Rivals(api, random.Random(seed), seed, streams)
    await load_at_once(rivals, labels[:4], labels[4])
    await hand_over_at_once(rivals)
    await open_at_once(rivals)


async def load_at_once(rivals: Rivals, labels: list[str], astray: str) -> None:
    """Two load and seal the same cage; what is in it goes into no other; one device goes into one of two cages."""
    loads = [rivals.dice.sample(labels, rivals.dice.randint(3, 4)) for _ in TWO]
    number = f"Q-{rivals.seed}"
    sealing = [rivals.seal(who, load, number, f"{who}-{rivals.seed}") for who, load in zip(TWO, loads, strict=True)]
    won = one_wins(await asyncio.gather(*sealing), "already-sealed")
    rivals.cage = won.json()["stream"]
    (sealed,) = await rivals.ledger(UUID(rivals.cage))
    rivals.inside = tuple(label for label in labels if rivals.streams[label] in sealed.event.items)
    assert sorted(rivals.inside) in [sorted(load) for load in loads]
    for load, winners in ((list(rivals.inside), 0), ([astray], 1)):
        others = [rivals.seal(who, load, f"{number}-{who}", f"{who}-{uuid7()}") for who in TWO]
        answers = await asyncio.gather(*others)
        assert [one.status_code for one in answers].count(201) == winners
        assert {one.json()["code"] for one in answers if one.status_code != 201} == {"in-another-cage"}


async def hand_over_at_once(rivals: Rivals) -> None:
    """It is handed over twice, and one of them sends again."""
    await hear(rivals.api.tracking, [erased(await rivals.api.entry(label)) for label in rivals.inside])
    same, path = str(uuid7()), f"/cages/{rivals.cage}/hand-over"
    answers = await asyncio.gather(rivals.act(path, TWO[0], request=same), rivals.act(path, TWO[1]))
    one_wins(answers, "already-shipped")
    said = next(one.json()["detail"] for one in answers if one.status_code == 409)
    assert f"カゴ車 Q-{rivals.seed} は" in said
    again = await rivals.act(path, TWO[0], request=same)
    assert again.status_code == (200 if answers[0].status_code == 201 else 409)
    shipped = [one for label in rivals.inside for one in await rivals.ledger(rivals.streams[label])]
    assert [one.kind for one in shipped].count("tracking.shipped-out.v1") == len(rivals.inside)


async def open_at_once(rivals: Rivals) -> None:
    """Two open it with different lists while both of them scan."""
    (sealed,) = await rivals.ledger(UUID(rivals.cage))
    why: dict[str, Any] = {"reason": "1台が見当たらない", "second": "second", "seal_seen": sealed.event.seal}
    lists = (rivals.inside, rivals.inside[1:])
    opening = [
        rivals.act(f"/cages/{rivals.cage}/receipt", who, labels=load, **why)
        for who, load in zip(TWO, lists, strict=True)
    ]
    *opened, first, second = await asyncio.gather(*opening, *map(rivals.scan, TWO))
    one_wins(opened, "already-opened")
    kinds = [one.kind for one in await rivals.ledger(UUID(rivals.cage))]
    assert kinds == ["tracking.cage-sealed.v1", "tracking.cage-opened.v1"]
    told = [one for answer in (first, second) for one in answer.json()["results"]]
    assert {one["status"] for one in told} <= {200, 201}
    for label in rivals.inside:
        there = [one for one in await rivals.ledger(rivals.streams[label]) if one.kind == "tracking.received.v1"]
        requests = [one.request.id for one in there if one.request]
        assert len(requests) == len(set(requests)), "a scan is there once"
        assert {one["entry"] for one in told if one["label"] == label} <= {str(one.id) for one in there}
        assert (await rivals.api.send("worker", "GET", f"/items/{label}")).status_code == 200


@pytest.mark.parametrize("seed", range(6))
async def test_two_of_the_town_and_two_of_the_centre_at_one_cage_at_once_each_do_what_is_theirs(
    api: Api, seed: int
) -> None:
    labels = await api.items(*(f"F{seed}-{nth}" for nth in range(4)))
    streams = {label: (await api.entry(label)).stream for label in labels}
    rivals = Rivals(api, random.Random(seed), seed, streams, inside=tuple(labels))
    rivals.cage = (await rivals.seal("worker", labels, f"F-{seed}", f"F-{seed}")).json()["stream"]
    await hear(api.tracking, [erased(await api.entry(label)) for label in labels])
    assert (await rivals.act(f"/cages/{rivals.cage}/hand-over", "worker")).status_code == 201
    path, missed = f"/cages/{rivals.cage}/receipt", labels[0]
    why = {"reason": "1台が見当たらない", "second": "second", "seal_seen": f"F-{seed}"}
    lists = {"worker": labels, "manager": labels[1:], "clerk": labels, "admin": labels[1:]}
    acts = [rivals.act(path, who, labels=found, **why) for who, found in lists.items()]
    acts += [rivals.act(f"/items/{missed}/loss", who, reason="庁舎にもない") for who in OF_THE_TOWN]
    acts += [rivals.scan(who) for who in TWO]
    worker, manager, *forbidden, clerk, admin, first, second = await asyncio.gather(*acts)
    one_wins([worker, manager], "already-opened")
    one_wins([clerk, admin], "already-lost")
    assert [one.status_code for one in forbidden] == [403, 403], "the town opens no cage at the centre"
    sealed, opened = await rivals.ledger(UUID(rivals.cage))
    assert (sealed.kind, opened.kind) == ("tracking.cage-sealed.v1", "tracking.cage-opened.v1")
    assert (opened.by.person, opened.by.party) == ("worker" if worker.status_code == 201 else "manager", CENTRE)
    (lost,) = await rivals.ledger(loss_of(streams[missed]))
    assert (lost.by.person, lost.by.party) == ("clerk" if clerk.status_code == 201 else "admin", TOWN)
    told = [one for answer in (first, second) for one in answer.json()["results"]]
    assert {one["status"] for one in told} <= {200, 201}
    for label in labels:
        received = [one for one in await rivals.ledger(streams[label]) if one.kind == "tracking.received.v1"]
        assert {one["entry"] for one in told if one["label"] == label} <= {str(one.id) for one in received}
        for who in (*TWO, *OF_THE_TOWN):
            assert (await api.send(who, "GET", f"/items/{label}")).status_code == 200


async def test_many_devices_at_once_share_transactions_and_each_keeps_its_person_and_its_request(api: Api) -> None:
    labels = await api.items(*(f"MANY{nth}" for nth in range(24)))
    scans = {label: {"requestId": str(uuid7()), "work": "received", "label": label} for label in labels}
    who = {label: TWO[nth % 2] for nth, label in enumerate(labels)}
    sending = [api.send(who[label], "POST", "/scans", json={"scans": [scan]}) for label, scan in scans.items()]
    stranger = api.send("stranger", "POST", "/scans", json={"scans": [scans[labels[0]]]})
    *answers, refused = await asyncio.gather(*sending, stranger)
    assert [answer.json()["results"][0]["status"] for answer in answers] == [201] * len(labels)
    assert refused.json()["results"][0]["code"] == "unknown-label"
    moments = set()
    for label in labels:
        *_, entry = await api.tracking.rows(
            "SELECT body, salt FROM entries JOIN items ON item = stream WHERE label = :l ORDER BY sequence", l=label
        )
        read = Entry.read(entry.body, entry.salt)
        assert read.request
        assert (read.kind, read.by.person) == ("tracking.received.v1", who[label])
        assert str(read.request.id) == scans[label]["requestId"]
        moments.add(read.recorded_at)
    assert len(moments) < len(labels), "what came at once was recorded together"
