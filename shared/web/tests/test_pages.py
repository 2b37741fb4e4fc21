import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from shared.web.figures import Node, Span, sankey, trace, units
from shared.web.forms import FieldError, Form
from shared.web.gallery import gallery
from shared.web.i18n import LANGUAGES, ROOT, Language
from shared.web.pages import TEMPLATES, Pages, counted, grouped, mg_date, sized
from shared.web.qr import qr_path
from shared.web.tests.conftest import Opening

# components.md §2: the 36 names and their fellows
COMPONENTS = [
    "bar",
    "foot",
    "title",
    "section",
    "cols",
    "icon",
    "chip",
    "id",
    "date",
    "button",
    "facts",
    "table",
    "note",
    "route",
    "line",
    "grade",
    "todo",
    "recon",
    "units",
    "figure",
    "sankey",
    "trace",
    "tally",
    "field",
    "input",
    "choice",
    "steps",
    "lookup",
    "verify",
    "ticks",
    "diff",
    "drop",
    "status",
    "next",
    "scans",
    "queue",
    "mode",
    "count",
    "meter",
    "cage",
    "photo",
    "shutter",
    "ticket",
    "poster",
    "gloss",
    "sheet",
    "labels",
    "seal",
]


def test_every_component_has_its_macro() -> None:
    source = (TEMPLATES / "components.html").read_text("utf-8")
    assert [name for name in COMPONENTS if f"macro mg_{name}(" not in source] == []


async def test_every_component_is_in_the_gallery(opened: Opening) -> None:
    async with opened(gallery()) as client:
        shown = "".join([(await client.get(path)).text for path in ("/", "/capture", "/sheet", "/apply")])
    classes = set(re.findall(r"mg-[a-z]+", shown))
    assert [name for name in COMPONENTS if f"mg-{name}" not in classes] == []
    assert "style=" not in shown
    assert not re.search(r"\son[a-z]+=", shown)


def test_a_date_is_said_twice() -> None:
    moment = datetime(2021, 9, 14, 1, 32, tzinfo=UTC)
    assert mg_date(moment) == (
        '<time class="mg-date" datetime="2021-09-14T10:32+09:00"><span class="mg-date__iso">2021-09-14 10:32</span> '
        '<span class="mg-date__wa">令和3年9月14日（火）</span></time>'
    )
    assert "Tue, Reiwa 3" in mg_date(moment, "en")
    assert 'datetime="2021-10-29"' in mg_date(date(2021, 10, 29))


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (41_000_000, "41 MB"), (5 * 10**15, "5000 TB")]
)
def test_sizes_are_said_as_on_the_box(value: int, said: str) -> None:
    assert sized(value) == said


def test_numbers_carry_counters() -> None:
    assert counted(1160, "台") == "1,160台"
    assert counted(1, "台", "en") == "1 device"
    assert counted(2, "通", "en") == "2 documents"
    assert counted(2, "つ", "en") == "2"


def test_labels_are_grouped() -> None:
    assert grouped("7K3D9Q2MX") == grouped("7K3D-9Q2M-X") == "7K3D-9Q2M-X"
    assert grouped("000E12") == "000E12"
    assert grouped("D-NA74-QKCH-Q") == "D-NA74-QKCH-Q"


async def test_the_language_switch_keeps_the_page_and_is_remembered(opened: Opening) -> None:
    async with opened(gallery()) as client:
        first = await client.get("/apply?a=1")
        assert 'href="/apply?a=1&amp;lang=en"' in first.text
        assert '<html lang="ja">' in first.text
        english = await client.get("/apply?a=1&lang=en")
        assert '<html lang="en">' in english.text
        assert "HttpOnly" in english.headers["set-cookie"]
        assert "Secure" in english.headers["set-cookie"]
        assert '<html lang="en">' in (await client.get("/apply")).text


async def test_links_and_help_are_the_viewers(opened: Opening) -> None:
    async with opened(gallery()) as client:
        town, centre = (await client.get("/")).text, (await client.get("/capture")).text
    assert "最上町 情報企画係" in town
    assert "/dashboard" in town
    assert "/dashboard" not in centre
    assert '<a href="/capture" aria-current="page">読取</a>' in centre
    assert 'href="tel:0233432261"' in town


def test_one_square_is_one_machine() -> None:
    drawn = units(48, odd=1)
    odd = [square.odd for square in drawn.squares]
    assert odd == [False] * 47 + [True]
    assert (drawn.width, drawn.height) == (239, 79)
    assert units(0).squares == []


def test_ribbons_leave_and_enter_completely() -> None:
    nodes = [Node("a", "登録", 160, 0, "data", {"b": 48, "c": 112}), Node("b", "再生", 48, 1), Node("c", "他", 112, 1)]
    drawn = sankey(nodes)
    assert drawn.bars[0].height == pytest.approx(192)
    assert drawn.bars[1].height == pytest.approx(57.6)
    assert len(drawn.ribbons) == 2
    assert sankey([]).ribbons == []


@pytest.mark.parametrize(("word", "wide"), [("寄贈", 304), ("Taken over by the town", 156 + 34 + 3 * 15 + 22 * 11)])
def test_the_drawing_is_as_wide_as_the_words_of_its_last_column(word: str, wide: int) -> None:
    assert sankey([Node("a", "登録", 160, 0, "data", {"b": 160}), Node("b", word, 160, 1)]).width == wide


def test_a_trace_starts_at_its_axis_and_ends_inside() -> None:
    drawn = trace([Span("a", "x", 0, 23), Span("a", "y", 23, 600, "slow"), Span("b", "z", 700, 490)], 21)
    bars = [row for row in drawn.rows if row.bar_x is not None]
    assert [row.text for row in drawn.rows] == ["a", "x", "y", "b", "z"]
    assert bars[0].bar_x == 300
    assert all(x >= 300 and x + wide <= 980 for _y, _text, x, wide, *_ in bars if x is not None)
    assert drawn.ticks[0][0] == 300
    assert trace([]).rows == []


def test_a_qr_code_reads_back() -> None:
    zxing = pytest.importorskip("zxingcpp")
    image = pytest.importorskip("PIL.Image")
    text = "HTTPS://MEGURU.EXAMPLE/T/NA74QKCHQ/K7Q492MD"
    side, path = qr_path(text)
    picture = image.new("L", (side * 4, side * 4), 255)
    for x, y, wide in re.findall(r"M(\d+) (\d+)h(\d+)v1", path):
        picture.paste(0, (int(x) * 4, int(y) * 4, (int(x) + int(wide)) * 4, int(y) * 4 + 4))
    assert [found.text for found in zxing.read_barcodes(picture)] == [text]
    with pytest.raises(ValueError, match="at most 300"):
        qr_path("x" * 301)


HOSTILE = "50%(x)s % <img src=x onerror=alert(1)> \"'&"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_hostile_text_is_shown_as_it_is(tmp_path: Path, lang: Language) -> None:
    (tmp_path / "page.html").write_text(
        '{% import "components.html" as c with context %}{{ word|translated }}{{ c.mg_errors(form) }}'
        '{{ c.mg_field("name", word|translated, form) }}'
        '{{ c.mg_title(word|translated, over=_("%(moment)s 現在", moment=word)) }}'
        '{{ c.mg_note(word|translated ~ "　" ~ word, "halt") }}[{{ ""|translated }}]',
        encoding="utf-8",
    )
    form = Form(
        {"name": HOSTILE}, {"name": FieldError("name", HOSTILE, HOSTILE, HOSTILE), "": FieldError("", "", HOSTILE)}
    )
    shown = Pages(tmp_path).text("page.html", lang, word=HOSTILE, form=form)
    assert "<img" not in shown
    assert shown.count("50%(x)s % &lt;img src=x onerror=alert(1)&gt; &#34;&#39;&amp;") == 12
    assert shown.endswith("[]")


def test_templates_translate_only_what_is_written_in_them() -> None:
    """`_()` and gettext() take a text for markup and for a format: a variable in there is a hole, or a crash."""
    texts = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in ROOT.glob("s*/**/*templates/*.html")
    }
    assert len(texts) > 50
    holes = re.compile(r"""gettext|(?<![\w.])_\((?!")|(?<![\w.])_\("(?:[^"\\]|\\.)*"\s*(?![,)\s])|\|\s*safe\b""")
    allowed = {"shared/web/templates/components.html": ["|safe"] * 3}  # icons, word breaks, an empty cell
    assert {
        name: found for name, text in texts.items() if (found := holes.findall(text)) != allowed.get(name, [])
    } == {}
