"""The style guide: every component with sample data, for tests and for those who build pages.

Run `uvicorn --factory shared.web.gallery:gallery` to look at it. Sample data are the pilot's numbers.
"""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from shared.refused import Refused
from shared.web.figures import Node, Span
from shared.web.forms import Form
from shared.web.i18n import msgid as _
from shared.web.pages import render
from shared.web.recipe import create_app
from shared.web.viewer import Help, Viewer
from shared.web.wareki import TOKYO

TEMPLATES = Path(__file__).parent / "gallery_templates"
DESK = Help(
    "最上町役場 総務課まちづくり推進室 情報企画係", "0233-43-2261", "0233-43-2345", "〒999-6101 最上町大字向町644"
)
NOON = datetime(2021, 9, 14, 10, 32, tzinfo=TOKYO)
NODES = [
    Node("in", "登録", 160, 0, "data", {"reused": 48, "recycled": 112}),
    Node("reused", "再生", 48, 1, "life", {"given": 47, "left": 1}),
    Node("recycled", "再資源化", 112, 1, "gray"),
    Node("given", "町へ納品", 47, 2, "life"),
    Node("left", "未納品", 1, 2, "warn"),
]
SPANS = [
    Span("消去 erasure", "POST /destructions", 0, 23, "sync"),
    Span("消去 erasure", "確定　COMMIT", 13, 8, "db", "ここで 201 を返す"),
    Span("追跡 tracking", "台帳に入れる　log.sequence", 60, 190),
    Span("証明書 certificates", "写真を縮める　pillow", 281, 640, "slow", "目安 300 ms を超過"),
]


def gallery() -> FastAPI:
    """Return the style guide's application."""
    app = create_app("gallery", lifespan=None, title="Meguru components", templates=TEMPLATES)
    app.add_route("/", _page("components_page.html", Viewer("town", "最上町 情報企画係", DESK)))
    app.add_route("/capture", _page("capture_page.html", Viewer("centre", "ソフマップ ITADセンター", DESK)))
    app.add_route("/sheet", _page("sheet_page.html", Viewer("town", "最上町", DESK)))
    app.add_route("/signin", _page("signin.html", Viewer("public", "", DESK)))
    app.add_route("/refused", _refused)
    app.add_route("/apply", _apply, methods=["GET", "POST"])
    return app


def _page(template: str, viewer: Viewer) -> Callable[[Request], Awaitable[Response]]:
    async def page(request: Request) -> Response:
        request.state.viewer = viewer
        given = {"noon": NOON, "day": date(2021, 10, 29), "nodes": NODES, "spans": SPANS}
        signin: dict[str, Any] = {"form": None, "ways": [], "action": "/signin", "next": "/"}
        return render(request, template, 200, **given, **signin)

    return page


async def _refused(request: Request) -> Response:
    request.state.viewer = Viewer("town", "最上町", DESK)
    raise Refused(
        "evidence-missing",
        "まだ出庫できません。あと2つ必要です。",
        "Cannot ship yet. Two things are missing.",
        missing=("Purge 以上の消去の証跡", "消去を確かめた人"),
    )


async def _apply(request: Request) -> Response:
    """Show a form, and show it again with what was typed when something has to be mended."""
    request.state.viewer = Viewer("public", "", DESK)
    form = Form()
    if request.method == "POST":
        form = Form(await request.form())
        form.need("org", _("団体の名前"), longest=60)
        form.choice("kind", _("区分"), ["hamlet", "npo"])
        form.number("n", _("希望の台数"), least=1, most=5)
    return render(request, "form_page.html", 422 if form.errors else 200, form=form)
