"""Consignments through the doors: handed over together, reported, balanced or flagged, corrected."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from services.refurb.tests.conftest import Web, hear
from services.refurb.tests.samples import cleared, registered, to_material
from shared.entry import Entry
from shared.ids import uuid7
from shared.testing import TOWN, Service

PAPER = b"%PDF-1.7\nwhat a recycler wrote"
DOOR = "/api/refurb/consignments"


async def waste(refurb: Service, count: int = 2, *, proved: bool = True) -> list[Entry[Any]]:
    known = [registered() for _ in range(count)]
    await hear(refurb, [entry for one in known for entry in (one, to_material(one))])
    if proved:
        await hear(refurb, [cleared(one) for one in known])
    return known


def handing(known: Sequence[Entry[Any]], manifest: str, kg: float = 20) -> dict[str, Any]:
    return {
        "labels": [one.event.label for one in known],
        "manifest": manifest,
        "operator": "再生金属",
        "kg": kg,
        "request": str(uuid7()),
    }


async def test_what_is_handed_over_together_waits_for_its_report_and_then_balances(refurb: Service, web: Web) -> None:
    known = await waste(refurb)
    asked = handing(known, "A-100")
    first, again = await web.post(DOOR, asked), await web.post(DOOR, asked)
    assert (first.status_code, again.status_code) == (201, 200), first.text
    assert first.json() == again.json()
    (seen,) = [one for one in (await web.get(f"{DOOR}?town={TOWN}", who="clerk")).json() if one["manifest"] == "A-100"]
    assert (seen["labels"], seen["kg"], seen["balance"]) == (asked["labels"], 20, None)
    at = f"{DOOR}/{seen['consignment']}"
    sent = await web.client.post(
        f"{at}/certificates?town={TOWN}", files={"file": ("証明書.pdf", PAPER)}, headers=web._as("refurbisher", {})
    )
    assert sent.status_code == 200, sent.text
    report = {"weights": [{"material": "ferrous", "kg": 17.1}], "loss_kg": 2.6, "certificate": sent.json()}
    assert (await web.post(f"{at}/reports?town={TOWN}", report)).status_code == 201
    (seen,) = [one for one in (await web.get(f"{DOOR}?town={TOWN}")).json() if one["manifest"] == "A-100"]
    assert seen["balance"] == {
        "into": 20,
        "out": 17.1,
        "loss": 2.6,
        "unexplained": 0.3,
        "share": 0.015,
        "tolerance": 0.02,
        "holds": True,
    }
    assert seen["certificate"]["filename"] == "証明書.pdf"
    counts = (await web.get(f"/api/refurb/overview?town={TOWN}")).json()
    assert set(asked["labels"]) <= set(counts["recycled"]["labels"])
    assert counts["weights_kg"]["ferrous"] >= 17.1
    kept = await web.get(f"/refurb/consignments/certificates/{sent.json()['sha256']}?town={TOWN}", who="clerk")
    assert (kept.status_code, kept.content) == (200, PAPER)
    assert kept.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("content", "code"), [(b"<html>", "no-certificate"), (b"", "no-certificate"), (b"PK\x03\x04", "no-certificate")]
)
async def test_only_a_paper_is_taken_for_a_certificate(refurb: Service, web: Web, content: bytes, code: str) -> None:
    known = await waste(refurb, 1)
    entry = (await web.post(DOOR, handing(known, f"B-{uuid7()}"))).json()["stream"]
    answer = await web.client.post(
        f"{DOOR}/{entry}/certificates?town={TOWN}",
        files={"file": ("x.pdf", content)},
        headers=web._as("refurbisher", {}),
    )
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_report_names_a_certificate_that_is_here_and_a_stranger_finds_nothing(
    refurb: Service, web: Web
) -> None:
    known = await waste(refurb, 1)
    entry = (await web.post(DOOR, handing(known, f"C-{uuid7()}"))).json()["stream"]
    at = f"{DOOR}/{entry}/reports?town={TOWN}"
    report: dict[str, Any] = {"weights": [{"material": "ferrous", "kg": 20}], "loss_kg": 0}
    absent = await web.post(at, report | {"certificate": {"sha256": "0" * 64, "filename": "x.pdf"}})
    assert (absent.status_code, absent.json()["code"]) == (422, "certificate-missing")
    assert (await web.post(at, report, who="stranger")).status_code == 403
    assert (await web.post(at, report, who="worker")).status_code == 403
    other = await web.post(f"{DOOR}/{uuid7()}/reports?town={TOWN}", report)
    assert (other.status_code, other.json()["code"]) == (404, "no-consignment")
    assert (await web.post(DOOR, handing(known, "D-1"), who="stranger")).status_code == 404
    assert (await web.get(f"/refurb/consignments/certificates/{'0' * 64}?town={TOWN}")).status_code == 404


async def test_the_page_keeps_what_was_typed_flags_what_does_not_balance_and_takes_a_better_report(
    refurb: Service, web: Web
) -> None:
    known, held = await waste(refurb), await waste(refurb, 1, proved=False)
    page = f"/refurb/consignments?town={TOWN}"
    shown = await web.get(page, accept="text/html")
    field = shown.text.split('id="labels"')[1].split("</textarea>")[0]
    for one in known:
        assert one.event.label in field
    assert held[0].event.label not in field
    labels = "\n".join(one.event.label for one in [*known, *held])
    form = {"labels": labels, "manifest": "Z-9", "operator": "再生金属", "kg": "２０．０", "tolerance": "２"}
    refused = await web.send(page, form)
    assert refused.status_code == 409
    assert held[0].event.media[0].serial in refused.text
    assert 'value="２０．０"' in refused.text
    wrong = await web.send(page, form | {"kg": "おもい", "manifest": ""})
    assert wrong.status_code == 422
    assert 'href="#kg"' in wrong.text
    assert 'href="#manifest"' in wrong.text
    form["labels"] = "\n".join(one.event.label for one in known)
    sent = await web.send(page, form)
    assert sent.status_code == 303, sent.text
    at = sent.headers["location"]
    assert "結果を待っています" in (await web.get(at, accept="text/html")).text
    assert parse_qs(urlsplit(at).query)["town"] == [TOWN]
    report = {"ferrous": "15", "plastic": "", "loss_kg": "1"}
    told = await web.client.post(
        at,
        data=report | {"request": str(uuid7())},
        files={"certificate": ("c.pdf", PAPER)},
        headers=web._as("refurbisher", {"accept": "text/html"}),
    )
    assert told.status_code == 303, told.text
    flagged = (await web.get(at, accept="text/html")).text
    for said in ("重さが合いません", "+4.0", "20.00", "c.pdf"):
        assert said in flagged
    silent = await web.send(at, report | {"ferrous": "19"})
    assert (silent.status_code, 'href="#reason"' in silent.text) == (409, True)
    better = await web.send(at, report | {"ferrous": "18.7", "reason": "パレットの重さ"})
    assert better.status_code == 303
    for lang, said in (("ja", "重さが合っています"), ("en", "The weight adds up")):
        after = (await web.get(f"{at}&lang={lang}", accept="text/html")).text
        assert said in after
        assert "パレットの重さ" in after
