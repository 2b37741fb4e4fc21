"""The circular and the form: one A4 each, from the record of the call, read again by other programs."""

import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from services.donations import papers
from services.donations.pages.words import WORDS
from services.donations.tests.conftest import CATEGORIES, Web, a_call
from services.donations.tests.test_api import NUMBER, opened
from shared.events.donations import CallOpened, Criterion, RoundOpened
from shared.settings import Settings
from shared.testing import NOW

FONTS = Settings(service="donations").fonts
CRITERIA = (Criterion(code="need", name="必要性", points_max=5),)


def circular(call: CallOpened, further: RoundOpened | None = None) -> bytes:
    return papers.circular(call, further, words=WORDS, town="最上町", origin="https://meguru.example.jp", fonts=FONTS)


def form(call: CallOpened) -> bytes:
    return papers.form(call, None, words=WORDS, town="最上町", fonts=FONTS)


def read(pdf: bytes) -> tuple[int, str]:
    """Return how many pages there are, and the text of all, without the spaces of the setting."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        text = "".join(page.get_textpage().get_text_bounded() for page in document)
        return len(document), re.sub(r"\s", "", text)
    finally:
        document.close()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, ("先着順", "受付の早い順", "役場に届いた時刻の順")),
        ({"rule": "lottery"}, ("抽選", "だれにも選べません", "抽選では同じに扱います")),
        ({"rule": "review", "criteria": CRITERIA}, ("審査", "必要性5点まで", "審査では同じに扱います")),
    ],
)
def test_the_circular_says_the_rule_and_all_that_the_page_says_on_one_sheet(
    given: dict[str, Any], says: tuple[str, ...]
) -> None:
    call = a_call(**given)
    pages, text = read(circular(call))
    assert pages == 1
    for said in (
        *says,
        call.title,
        "15台",
        "回覧",
        "デスクトップタイプ",
        "無償",
        call.consent,
        call.contact,
        call.number,
    ):
        assert re.sub(r"\s", "", said) in text, said
    for one in CATEGORIES:
        assert f"{one.name}{one.cap}台まで" in text
    assert "令和8年12月1日（火）" in text


def test_a_further_rounds_circular_offers_what_the_round_offers() -> None:
    further = RoundOpened(
        call=a_call().call,
        number=NUMBER,
        round=2,
        item_kinds=("notebook",),
        units=7,
        opens_at=NOW,
        closes_at=NOW + timedelta(days=60),
    )
    text = read(circular(a_call(), further))[1]
    assert ("7台" in text, "第2回の募集" in text, "ノートタイプ" in text, "デスクトップ" in text) == (
        True,
        True,
        True,
        False,
    )


async def test_the_form_on_paper_asks_what_the_page_asks(web: Web) -> None:
    pages, text = read(form(a_call()))
    assert pages == 1
    await opened(web)
    shown = (await web.public.get(f"/calls/{NUMBER}/apply")).text
    labels = re.findall(r'class="mg-field__label"[^>]*>([^<]+)', shown)
    labels.remove("郵便番号")  # fills in the address, and is not asked by itself
    labels += ["希望の台数", "使い道", "置く場所のインターネット", "役場に伝えたいこと", "約束していただくこと"]
    assert len(labels) == 11
    assert [label for label in labels if label.strip() not in text] == []
    assert [said for said in WORDS["use"].values() if said not in text] == []
    assert "届いた日時（入力の時刻ではありません）" in text


def test_what_was_typed_is_printed_as_it_is_and_never_set() -> None:
    hostile = '#import "x" *太字* $x$ \u202e逆 😀 髙﨑𠮷 葛\U000e0100'
    text = read(circular(a_call(title=hostile, consent="約束。" * 600)))[1]
    for said in ('#import"x"*太字*$x$', "〈U+202E〉", "〈U+1F600〉", "髙﨑𠮷"):
        assert said in text
    assert read(form(a_call(title=hostile, consent="約束。" * 600)))[0] == 2


async def test_papers_are_open_to_everybody(web: Web) -> None:
    await opened(web)
    for name in ("circular", "form"):
        answer = await web.public.get(f"/calls/{NUMBER}/{name}.pdf")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
        assert answer.content.startswith(b"%PDF")
    assert (await web.public.get("/calls/063622-2026-9/form.pdf")).status_code == 404


@pytest.mark.skipif(not shutil.which("zbarimg"), reason="zbarimg is not installed: apt-get install zbar-tools")
def test_the_code_on_the_circular_leads_to_the_page(tmp_path: Path) -> None:
    document = pypdfium2.PdfDocument(circular(a_call()))
    document[0].render(scale=150 / 72).to_pil().save(tmp_path / "circular.png")
    document.close()
    command = [
        "zbarimg",
        "--quiet",
        "--raw",
        "--nodbus",
        "-Sdisable",
        "-Sqrcode.enable",
        str(tmp_path / "circular.png"),
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own arguments
    assert found.stdout.strip() == f"https://meguru.example.jp/calls/{NUMBER}"
