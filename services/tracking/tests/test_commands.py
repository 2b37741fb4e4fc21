import asyncio
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.tracking import views
from services.tracking.commands import differences, items, parties, scans
from services.tracking.domain.row import Row
from services.tracking.tests.entries import erased, hear, issued
from services.tracking.tests.world import CARRIER, founded, registered, row
from shared.entry import By, Entry
from shared.ids import uuid7
from shared.levels import Level
from shared.messaging import Later
from shared.refused import Forbidden, Invalid, Refused, Reused
from shared.testing import CENTRE, CLERK, NOW, TOWN, WORKER, Service


async def test_the_same_inventory_twice_is_one_registration(tracking: Service, engagement: UUID) -> None:
    rows = [row("000E12"), row("0012")]
    async with tracking.acting() as tx:
        first = await items.register(tx, engagement, "file:a", rows)
    async with tracking.acting() as tx:
        again = await items.register(tx, engagement, "file:a", rows)
    assert [entry.id for entry in first] == [entry.id for entry in again]
    assert first[0].event.media[0].serial == "000E12"
    assert first[0].event.required.on_site == Level.PURGE
    assert len({entry.event.label for entry in first}) == 2


async def test_what_is_registered_is_named_when_it_comes_in_another_table(tracking: Service, engagement: UUID) -> None:
    async with tracking.acting() as tx:
        (known,) = await items.register(tx, engagement, "file:once", [row("ONCE")])
    fresh = row("FRESH")
    same_chassis = Row(row("ONCE").described, ({"kind": "ssd", "serial": "NEW-SSD"},), "mynumber", "3", line=3)
    same_drive = Row(
        {**fresh.described, "asset_number": "B", "serial": "B"}, row("ONCE").media, "mynumber", "3", line=7
    )
    with pytest.raises(Invalid) as refused:
        async with tracking.acting() as tx:
            await items.register(tx, engagement, "file:more", [fresh, same_chassis, same_drive])
    assert (refused.value.code, refused.value.detail["line"]) == ("inventory", 3)
    label = views.grouped(known.event.label)
    lines = [(said.split("行目")[0], said.split("：")[1].split(" ")[0]) for said in refused.value.missing]
    assert lines == [("3", "物品番号"), ("3", "製造番号"), ("7", "媒体製造番号")]
    assert all(f"追跡ID {label} の機器として登録されています。" in said for said in refused.value.missing)
    async with tracking.acting() as tx:
        (alone,) = await items.register(tx, engagement, "file:fresh", [fresh])
    assert not alone.replayed, "nothing of the refused table was written"


async def test_two_tables_at_once_do_not_register_the_same_device_twice(tracking: Service, engagement: UUID) -> None:
    async def register(batch: str) -> None:
        async with tracking.acting() as tx:
            await items.register(tx, engagement, batch, [row("RACE")])

    done = await asyncio.gather(register("file:r1"), register("file:r2"), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Invalid", "NoneType"]


async def test_without_a_policy_nothing_is_registered(tracking: Service, engagement: UUID) -> None:
    async with tracking.acting("town-011002") as tx:
        with pytest.raises(Refused, match="基準表がまだ"):
            await items.register(tx, engagement, "file:b", [row("1")])


async def test_a_party_an_engagement_and_a_policy_are_added_once(tracking: Service, engagement: UUID) -> None:
    async with tracking.acting() as tx:
        with pytest.raises(Refused, match="もう登録"):
            await parties.add_party(tx, TOWN, "town", "最上町")
        with pytest.raises(Refused, match="もうあります"):
            await parties.set_policy(tx, version="1", source="MIC R2.12", rows=())
    ended = await founded(tracking, town="town-012025", contract="R8-9")
    async with tracking.acting("town-012025") as tx:
        await parties.end_engagement(tx, ended)
    async with tracking.acting("town-012025") as tx:
        with pytest.raises(Refused, match="もう終わって"):
            await parties.end_engagement(tx, ended)
    async with tracking.acting("town-012025") as tx:
        with pytest.raises(Refused):
            await parties.end_engagement(tx, engagement)


async def test_an_engagement_is_opened_with_partners_who_are_registered(tracking: Service, engagement: UUID) -> None:
    days: dict[str, Any] = {"starts_on": date(2026, 1, 1), "ends_on": date(2036, 1, 1), "certificate_days": 43}
    for centre, carrier, field in (
        ("centre-typo", None, "centre"),
        (CARRIER, None, "centre"),
        (CENTRE, CENTRE, "carrier"),
    ):
        async with tracking.acting() as tx:
            with pytest.raises(Invalid) as refused:
                await parties.open_engagement(tx, centre=centre, carrier=carrier, title="x", contract="R8-x", **days)
            assert (refused.value.code, refused.value.detail) == ("no-party", {"field": field})


async def test_a_simulation_and_real_work_never_share_an_engagement(tracking: Service, engagement: UUID) -> None:
    days: dict[str, Any] = {"starts_on": date(2026, 1, 1), "ends_on": date(2036, 1, 1), "certificate_days": 43}
    for party, kind, name in (("centre-sim", "centre", "【模擬】センター"), ("town-sim-x", "town", "【模擬】町")):
        async with tracking.acting(party) as tx:
            await parties.add_party(tx, party, kind, name)  # type: ignore[arg-type]  # both are kinds
    for town, centre, carrier, title in (
        (TOWN, "centre-sim", None, "試行"),
        (TOWN, "centre-sim", None, "【模擬】試行"),
        (TOWN, CENTRE, None, "【模擬】試行"),
        ("town-sim-x", CENTRE, None, "【模擬】試行"),
        ("town-sim-x", "centre-sim", None, "試行"),
        ("town-sim-x", "centre-sim", CARRIER, "【模擬】試行"),
    ):
        async with tracking.acting(town) as tx:
            with pytest.raises(Invalid) as refused:
                await parties.open_engagement(
                    tx, centre=centre, carrier=carrier, title=title, contract="R8-sim", **days
                )
            assert refused.value.code == "simulated-mixed"
    async with tracking.acting("town-sim-x") as tx:
        opened = await parties.open_engagement(
            tx, centre="centre-sim", carrier=None, title="【模擬】試行", contract="R8-sim", **days
        )
    assert opened.event.title == "【模擬】試行"


async def test_a_difference_in_delivery_is_seen_by_two_who_are_known(tracking: Service, engagement: UUID) -> None:
    (one,) = await registered(tracking, engagement, [row("F1")])
    async with tracking.acting() as tx:
        with pytest.raises(Invalid) as refused:
            await differences.find_difference(tx, one.stream, reason="届いていない", second="x")
        assert refused.value.detail == {"field": "second"}
        await differences.find_difference(tx, one.stream, reason="届いていない", second="second")


async def test_a_scan_sent_again_is_answered_again_and_another_body_is_refused(
    tracking: Service, engagement: UUID
) -> None:
    (one,) = await registered(tracking, engagement, [row("S1")])
    request = uuid7()
    async with tracking.acting(by=WORKER, request=request, asked="a") as tx:
        assert tx.request
        first = (await scans.scan(tx, [scans.Scanned(one.stream, "received", tx.request, NOW)]))[0].said
        same = (await scans.scan(tx, [scans.Scanned(one.stream, "received", tx.request, NOW)]))[0].said
    assert isinstance(first, Entry)
    assert isinstance(same, Entry)
    assert (first.id, same.replayed) == (same.id, True)
    async with tracking.acting(by=WORKER, request=request, asked="b") as tx:
        assert tx.request
        other = (await scans.scan(tx, [scans.Scanned(one.stream, "taken-over", tx.request, NOW)]))[0].said
    assert isinstance(other, Reused)


async def test_a_correction_is_an_entry_and_lists_say_the_new_value(tracking: Service, engagement: UUID) -> None:
    one, other = await registered(tracking, engagement, [row("COR1"), row("COR2")])
    async with tracking.acting(TOWN) as tx:
        entry = await items.correct(tx, one.stream, "serial", "PC-COR9", "台帳の誤記")
        assert (entry.event.was, entry.event.now) == ("PC-COR1", "PC-COR9")
        told = [entry, await items.correct(tx, one.stream, "model", None, "型名はない")]
    await hear(tracking, told)
    async with tracking.acting(TOWN) as tx:
        (said,) = await items.registered_rows(tx.connection, engagement, [one.event.label])
        assert (said.described["serial"], said.described["model"]) == ("PC-COR9", None)
        for name, now, code in (
            ("serial", "ＰＣ-COR2", "number-taken"),
            ("serial", "PC-COR9", "unchanged"),
            ("zone", "lgwan", "not-correctable"),
        ):
            with pytest.raises(Invalid) as refused:
                await items.correct(tx, one.stream, name, now, "x")
            assert refused.value.code == code
        assert (await items.correct(tx, other.stream, "serial", "PC-COR1", "入れ替わり")).event.now == "PC-COR1"
        with pytest.raises(Invalid, match="PC-COR9"):
            await items.register(tx, engagement, "test:corrected", [row("COR9")])
    with pytest.raises(Forbidden):
        async with tracking.acting(TOWN, WORKER) as tx:
            await items.correct(tx, one.stream, "maker", "x", "x")


async def test_corrections_heard_twice_and_shuffled_say_the_newest(tracking: Service, engagement: UUID) -> None:
    (one,) = await registered(tracking, engagement, [row("COR5")])
    async with tracking.acting(TOWN) as tx:
        told = [await items.correct(tx, one.stream, "maker", f"M{n}", "x") for n in range(3)]
    async with tracking.consuming() as tx:
        await tx.connection.execute(text("DELETE FROM items WHERE item = :i"), {"i": one.stream})
    for entry in told[::-1]:  # before the item they ask for later
        with pytest.raises(Later):
            await hear(tracking, [entry])
    for entries in ([one], told[::-1], told[1:], [one]):
        await hear(tracking, entries)
    (there,) = await tracking.rows("SELECT data->>'maker' AS maker FROM items WHERE item = :i", i=one.stream)
    assert there.maker == "M2"


async def test_a_medium_s_values_are_corrected_until_a_report_was_judged_by_them(
    tracking: Service, engagement: UUID
) -> None:
    one, other = await registered(tracking, engagement, [row("MC1"), row("MC2")])
    medium = one.event.media[0].id

    async def correct(name: Any, now: str | int | None, of: UUID = medium, by: By = CLERK) -> Entry[Any]:
        async with tracking.acting(TOWN, by) as tx:
            return await items.correct_medium(tx, one.stream, of, name=name, now=now, reason="写しまちがい")

    told = [await correct("serial", "MC9"), await correct("kind", "ssd"), await correct("capacity_gb", 240)]
    assert [(e.event.was, e.event.now) for e in told] == [("MC1", "MC9"), ("hdd", "ssd"), (None, 240)]
    await hear(tracking, told[::-1])
    async with tracking.acting(TOWN) as tx:
        (said,) = await items.registered_rows(tx.connection, engagement, [one.event.label])
    assert [(m["serial"], m["kind"], m["capacity_gb"]) for m in said.media] == [("MC9", "ssd", 240)]
    for name, now, of, code in (
        ("serial", "ＭＣ2", medium, "number-taken"),
        ("model", None, medium, "unchanged"),
        ("model", "x", other.event.media[0].id, "not-its-medium"),
    ):
        with pytest.raises(Invalid) as refused:
            await correct(name, now, of)
        assert refused.value.code == code
    with pytest.raises(Forbidden):
        await correct("model", "x", by=WORKER)
    await hear(tracking, [erased(one)])
    for name, now in (("kind", "hdd"), ("serial", "MC8")):
        with pytest.raises(Refused) as judged:
            await correct(name, now)
        assert judged.value.code == "proved"
    near = await correct("serial", "mc-9")
    assert near.event.now == "mc-9", "the same number, written in another way"
    await hear(tracking, [erased(one), issued(one)])
    with pytest.raises(Refused) as certified:
        await correct("model", "x")
    assert certified.value.code == "certified"


async def test_what_a_certificate_says_is_not_corrected_before_it_is_revoked(
    tracking: Service, engagement: UUID
) -> None:
    (one,) = await registered(tracking, engagement, [row("COR7")])
    await hear(tracking, [one, issued(one)])
    async with tracking.acting(TOWN) as tx:
        with pytest.raises(Refused) as refused:
            await items.correct(tx, one.stream, "maker", "x", "x")
    assert refused.value.code == "certified"
