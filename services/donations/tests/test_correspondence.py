"""What applicants are written: mail once and only what is so, letters to print, in the town's own words."""

import re
from datetime import timedelta
from email.message import EmailMessage
from functools import partial
from typing import Any

import pypdfium2
import pytest

from services.donations import commands, correspondence
from services.donations.domain.applicant import Applicant, Attested
from services.donations.domain.wording import OURS, PLACES, SUBJECT_MAX, WHATS, Words, checked, filled
from services.donations.tests.conftest import Web, prepare_stock
from services.donations.tests.test_api import CALL, NUMBER, an_application, opened, post
from services.donations.tests.test_journey import close, settle, withdrawn
from services.donations.tests.test_journey import opened as call_of
from shared import letters
from shared.entry import By
from shared.ids import uuid7
from shared.mail import Postman
from shared.refused import Invalid
from shared.testing import NOW, OTHER_TOWN, TOWN, Service
from shared.tests.post import HOST, Office, office

PUBLIC = By(person="public", party=TOWN)
STATES = "SELECT what, state FROM letters ORDER BY what, state"
PAGE = f"/donations/calls/{NUMBER}/letters"


async def applied(made: Service, call: Any, n: int, *, mail: str = "", units: int = 1) -> str:
    who = Applicant(f"{n}区", f"見本 {n}郎", "大字向町644", f"0233-43-{n:04d}", mail)
    async with made.acting(by=PUBLIC, at=NOW + timedelta(seconds=n), request=uuid7()) as tx:
        return (await commands.apply(tx, call, "hamlet", units, who)).event.receipt


async def send(made: Service, there: Office) -> None:
    postman = Postman(HOST, there.port, "none", "noreply@meguru.example.jp")
    compose = partial(correspondence.compose, origin="https://meguru.example.jp")
    at = NOW + timedelta(hours=1)
    while await letters.send_next(made.consumer, postman, compose, at):
        pass


def to(mail: EmailMessage) -> str:
    return str(mail["To"].addresses[0].addr_spec)


async def test_each_applicant_with_an_address_is_written_once_what_became_of_it(made: Service) -> None:
    await prepare_stock(made, 1)
    with office() as there:
        call = await call_of(made)
        receipts = [await applied(made, call, n, mail=f"g{n}@example.jp") for n in range(3)]
        await applied(made, call, 4)
        await send(made, there)
        assert [to(mail) for mail in there.mails] == [f"g{n}@example.jp" for n in range(3)]
        assert receipts[0] in str(there.mails[0]["Subject"])
        link = re.search(r"https://meguru\.example\.jp/calls/mine/\S+", there.mails[0].get_content())
        assert link
        async with made.acting() as tx:
            await commands.refuse(tx, call, receipts[2])
        await close(made, call)
        await settle(made, call)
        await send(made, there)
        said = [(to(mail), str(mail["Subject"]).split("（")[0]) for mail in there.mails[3:]]
        assert sorted(said) == [
            ("g0@example.jp", "パソコン1台をお譲りします"),
            ("g1@example.jp", "空きをお待ちいただいています"),
            ("g2@example.jp", "応募の条件について"),
        ]
        await withdrawn(made, call, receipts[0])
        await send(made, there)
        assert [(to(mail), "1台をお譲り" in str(mail["Subject"])) for mail in there.mails[6:]] == [
            ("g1@example.jp", True)
        ]
        await send(made, there)
        assert len(there.mails) == 7


async def test_what_is_no_longer_so_and_who_was_forgotten_is_not_written_to(made: Service) -> None:
    await prepare_stock(made, 2)
    with office() as there:
        call = await call_of(made)
        receipts = [await applied(made, call, n, mail=f"g{n}@example.jp") for n in range(2)]
        await close(made, call)
        await settle(made, call)
        await withdrawn(made, call, receipts[0])
        async with made.acting() as tx:
            await commands.forget(tx, call, receipts[1])
        await send(made, there)
        assert there.mails == []
    states = await made.rows("SELECT DISTINCT state FROM letters")
    assert [row.state for row in states] == ["withdrawn"]
    kept = str(await made.rows("SELECT * FROM letters"))
    assert "example.jp" not in kept


def test_only_places_that_are_filled_may_stand_in_a_towns_words() -> None:
    for what in WHATS:
        assert checked(OURS[what]) == OURS[what]
    for words, says in (
        (Words("", "x"), "件名と本文"),
        (Words("x" * (SUBJECT_MAX + 1), "x"), "字までに"),
        (Words("x", "{名前} 様"), "{名前} は使えません"),
    ):
        with pytest.raises(Invalid, match=re.escape(says)):
            checked(words)
    facts = {place: f"<{place}>" for place in PLACES} | {"団体": "{リンク}"}
    done = filled(Words("{台数}", "{団体} {公募}"), facts)
    assert done == Words("<台数>", "{リンク} <公募>"), "what a person typed is no place"


async def test_a_letter_says_what_was_asked_beside_what_is_granted_and_of_nothing_no_number(made: Service) -> None:
    await prepare_stock(made, 1)
    call = await call_of(made)
    for n in range(2):
        await applied(made, call, n, mail=f"g{n}@example.jp", units=2)
    await close(made, call)
    await settle(made, call)
    async with made.acting() as tx:
        told = await correspondence.printed(tx.connection, call, TOWN, origin="https://x")
    said = {one.what: one.words.body for one in told}
    assert "希望の台数　　　2台\n　お譲りする台数　1台" in said["granted"]
    assert "希望の台数は2台でしたが、いまお譲りできる機器がありません。" in said["waiting"]
    assert not re.search(r"(?<!\d)0台", said["waiting"])


async def test_a_town_writes_in_its_own_words_and_goes_back_to_ours(made: Service, web: Web) -> None:
    await opened(web)
    await web.public.post(f"{CALL}/applications", json=an_application(group="<b>一区</b>", mail="a@example.jp"))
    page = await web.clerk.get(PAGE)
    assert "受付のお知らせ" in page.text
    assert "メールサーバーが設定されていません" in page.text
    given = {"what": "received", "subject": "届きました", "body": "{団体} へ\n町長より {名前}"}
    wrong = await web.clerk.post(PAGE, data=given)
    assert (wrong.status_code, "{名前} は使えません" in wrong.text, "町長より" in wrong.text) == (422, True, True)
    given["body"] = "{団体} へ\n町長より"
    assert (await web.clerk.post(PAGE, data=given)).status_code == 303
    assert "（町の文面）" in (await web.clerk.get(PAGE)).text
    pdf = await web.clerk.get(f"{PAGE}.pdf")
    assert (pdf.headers["content-type"], pdf.headers["cache-control"]) == ("application/pdf", "no-store")
    document = pypdfium2.PdfDocument(pdf.content)
    text = document[0].get_textpage().get_text_bounded()
    document.close()
    for said in ("<b>一区</b> へ", "町長より", "見本 太郎 様", "063622-0001"):
        assert said in text
    assert (await web.clerk.post(PAGE, data={"what": "received", "ours": "1"})).status_code == 303
    assert await made.rows("SELECT count(*) FROM letter_words") == [(0,)]
    assert (await web.clerk.post(PAGE, data={"what": "x"})).status_code == 422
    for path in (PAGE, f"{PAGE}.pdf"):
        assert (await web.public.get(path)).status_code == 401
        assert (await web.as_("other", OTHER_TOWN, "clerk").get(path)).status_code == 403


async def test_letters_are_one_a_page_for_those_who_are_known(made: Service, web: Web) -> None:
    await prepare_stock(made, 1)
    await opened(web)
    none = await web.clerk.get(f"{PAGE}.pdf")
    assert (none.status_code, none.json()["code"]) == (422, "no-letters")
    for n in range(3):
        await web.public.post(f"{CALL}/applications", json=an_application(group=f"{n}区", phone=f"0233-43-000{n}"))
    await post(web.clerk, f"{CALL}/close")
    await post(web.clerk, f"{CALL}/settle")
    await web.clerk.delete(f"{CALL}/applications/063622-0003/applicant")
    for query, pages in (("", 2), ("?what=granted", 1), ("?what=waiting", 1)):
        document = pypdfium2.PdfDocument((await web.clerk.get(f"{PAGE}.pdf{query}")).content)
        assert len(document) == pages
        document.close()


async def test_a_late_paper_has_its_letter_and_its_mail_where_an_address_was_given(made: Service) -> None:
    call = await call_of(made)
    await close(made, call)
    who = Applicant("遅区", "見本", "向町", "0233-43-0001", "late@example.jp")
    nobody = Applicant("紙区", "見本", "向町", "0233-43-0002", "")
    async with made.acting() as tx:
        for given in (who, nobody):
            await commands.record(tx, call, Attested(str(uuid7()), "fax", "hamlet", 1, NOW, given))
    with office() as there:
        await send(made, there)
        [mail] = there.mails
        assert (to(mail), str(mail["Subject"]).split("（")[0]) == ("late@example.jp", "応募の期間について")
    assert await made.rows(STATES) == [("late", "sent")]
    async with made.acting() as tx:
        told = await correspondence.printed(tx.connection, call, TOWN, origin="https://x")
    assert [one.what for one in told] == ["late", "late"]
