import re

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from shared.refused import Invalid
from shared.web.forms import Form, carried
from shared.web.gallery import gallery
from shared.web.pages import render
from shared.web.recipe import create_app
from shared.web.tests.conftest import Opening

PHONE = re.compile(r"0\d{1,4}-\d{1,4}-\d{3,4}")


def test_what_is_right_is_returned_trimmed() -> None:
    form = Form(
        FormData([("tel", " 0233-43-2261 "), ("n", "３"), ("use", "1"), ("use", "2"), ("use", "9"), ("kind", "npo")])
    )
    assert form.need("tel", "電話番号", pattern=PHONE) == "0233-43-2261"
    assert form.number("n", "台数", least=1, most=5) == 3
    assert form.choices("use", "使い道", ["1", "2"], least=1) == ["1", "2"]
    assert form.choice("kind", "区分", ["npo"]) == "npo"
    assert form.may("memo", "メモ") == ""
    assert form.errors == {}


def test_what_is_wrong_is_named_once_a_field() -> None:
    form = Form(FormData([("tel", "0233-43"), ("n", "9" * 40), ("memo", "x" * 11)]))
    form.need("tel", "電話番号", pattern=PHONE, example="0233-43-2261")
    form.need("org", "団体の名前")
    form.number("n", "台数", least=1, most=5)
    form.may("memo", "メモ", longest=10)
    form.choice("kind", "区分", ["npo"])
    form.choices("use", "使い道", ["1"], least=1)
    form.refused(Invalid("x", "名前を確かめてください。", "Check the name.", field="org"))
    assert list(form.errors) == ["tel", "org", "n", "memo", "kind", "use"]
    assert form.errors["tel"].example == "0233-43-2261"
    assert form.errors["org"].say == "入れてください。"


def test_full_width_comes_back_as_the_pattern_wants_it_and_a_name_as_it_was_typed() -> None:
    form = Form(FormData([("no", "０６３６２２－２０２６－１"), ("name", "\ufa19谷（①）"), ("use", "1"), ("use", "1")]))
    assert form.need("no", "番号", pattern=re.compile(r"[0-9]{6}-[0-9]{4}-[0-9]"), longest=13) == "063622-2026-1"
    assert form.need("name", "氏名", pattern=re.compile(r"[^\x00-\x1f]*")) == "\ufa19谷（①）"
    assert form.choices("use", "使い道", ["1"], least=1) == ["1"]
    assert form.errors == {}
    form = Form(FormData([("no", "㍿" * 4)]))
    form.may("no", "番号", pattern=re.compile(r"[株式会社]*"), longest=15)  # sixteen characters, once they are plain
    assert list(form.errors) == ["no"]


def test_a_control_character_is_named_and_line_breaks_are_not() -> None:
    form = Form({"a": "x\0y", "b": "一行目\r\n二行目\t終"})
    assert form.may("b", "備考") == "一行目\r\n二行目\t終"
    form.may("a", "番号")
    assert list(form.errors) == ["a"]


def test_earlier_pages_are_carried_on() -> None:
    form = Form(FormData([("org", "集落"), ("use", "1"), ("use", "2")]))
    assert carried(form, ["org", "use", "none"]) == {"org": ["集落"], "use": ["1", "2"]}


async def test_a_refused_form_shows_everything_that_was_typed(opened: Opening) -> None:
    typed = {"org": "", "kind": "npo", "n": "7", "memo": "<b>髙﨑</b>", "use": "2"}
    async with opened(gallery()) as client:
        shown = await client.post("/apply", data=typed, headers={"accept": "text/html"})
    assert shown.status_code == 422
    assert 'value="npo" id="kind"' not in shown.text
    assert re.search(r'value="npo"[^>]* checked', shown.text)
    assert re.search(r'value="2"[^>]* checked', shown.text)
    assert 'value="7"' in shown.text
    assert "&lt;b&gt;髙﨑&lt;/b&gt;" in shown.text
    assert "2か所なおしてください" in shown.text
    assert '<a href="#org">団体の名前：入れてください。</a>' in shown.text
    assert 'aria-invalid="true" aria-describedby="n-h n-e"' in shown.text


async def test_a_refusal_stands_under_the_label_its_field_was_asked_with(opened: Opening) -> None:
    form = Form(FormData([("org", "集落"), ("tel", "1")]))
    form.need("org", "団体の名前")
    for name in ("org", "tel", ""):
        form.refused(Invalid("x", f"{name or '全体'}を確かめてください。", "Check it.", field=name))
    app = create_app("sample", lifespan=None, title="Sample")

    async def page(request: Request) -> Response:
        return render(request, "signin.html", form=form, ways=[], action="/signin", next="/")

    app.add_route("/page", page)
    async with opened(app) as client:
        shown = (await client.get("/page")).text
    assert '<a href="#org">団体の名前：orgを確かめてください。</a>' in shown
    assert '<a href="#tel">telを確かめてください。</a>' in shown, "nobody asked for it: no label, and no colon"
    assert "<p>全体を確かめてください。</p>" in shown
