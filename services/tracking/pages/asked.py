"""What a form asked: its request id, its fields as typed, and a refusal said again on the same page."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from shared.door import Ask
from shared.ids import uuid7
from shared.refused import Forbidden, Invalid, Refused, SignIn, Unknown
from shared.web.forms import Form
from shared.web.i18n import language
from shared.web.i18n import msgid as _

SEE_OTHER = 303
CONFLICT = 409
UNPROCESSABLE = 422
NAME_MAX = 500  # characters of a name
PARTS_MAX = 400  # fields of one form
PART_SIZE_MAX = 1024 * 1024  # bytes of one field


class Filled(Ask):
    """A form as it was sent: the same request with other fields is no replay (`Reused`)."""

    form: str
    fields: dict[str, list[str]] = Field(default_factory=dict)


class Asked:
    """A form on its way through a route: typed fields, the request it stands for, what the rules said to it."""

    def __init__(self, request: Request, typed: Any) -> None:
        self.request = request
        self.form = Form(typed)
        self.refusal: Refused | None = None

    @classmethod
    async def of(cls, request: Request, *, part_max: int = PART_SIZE_MAX) -> "Asked":
        """Read the form of a request; `part_max` is the size of its largest field in bytes."""
        return cls(request, await request.form(max_fields=PARTS_MAX, max_part_size=part_max))

    @property
    def ask(self) -> Filled:
        """The request that the form carries in a hidden field. Raises Invalid when it is gone or broken."""
        try:
            identity = UUID(self.form.value("request"))
        except ValueError as broken:
            raise Invalid(
                "no-request",
                "画面が古くなっています。読み直してから、もう一度送ってください。",
                "This page is out of date. Reload it and send again.",
            ) from broken
        typed = {name: self.form.values(name) for name in self.form.typed if name != "request"}
        return Filled(request=identity, form=self.request.url.path, fields=typed)

    def refuse(self, refusal: Refused) -> None:
        """Keep a refusal for the page. What is not about this form (sign-in, rights, a foreign thing) goes on."""
        if isinstance(refusal, (Forbidden, SignIn, Unknown)):
            raise refusal
        if isinstance(refusal, Invalid) and refusal.detail.get("field"):
            self.form.refused(refusal, language(self.request))
        self.refusal = refusal

    async def tried(self, act: Callable[[], Awaitable[object]]) -> bool:
        """Act when nothing typed has to be mended; a refusal is kept for the page. Tells whether it was done."""
        if self.form.errors:
            return False
        try:
            await act()
        except Refused as refusal:
            self.refuse(refusal)
            return False
        return True

    @property
    def status(self) -> int:
        """200 for a first look, 422 when something typed has to be mended, 409 when the rules refused."""
        if self.form.errors or isinstance(self.refusal, Invalid):
            return UNPROCESSABLE
        return CONFLICT if self.refusal else 200

    @property
    def said(self) -> dict[str, Any]:
        """What every page with a form gives its template."""
        refusal = self.refusal
        japanese = language(self.request) == "ja"
        sentence = "" if refusal is None else refusal.ja if japanese else refusal.en
        missing = () if refusal is None else refusal.missing
        done = DONE.get(self.request.query_params.get("done", ""), "")
        return {
            "form": self.form,
            "identity": uuid7() if self.refusal is None else self.form.value("request") or uuid7(),
            "refused": sentence if not (refusal and refusal.detail.get("field")) else "",
            "missing": missing,
            "done": done,
        }


def nothing(request: Request) -> Asked:
    """Return the form of a first visit."""
    return Asked(request, {})


def again(path: str, done: str = "recorded") -> Response:
    """Send the browser on after a write, so that reloading writes nothing again."""
    return RedirectResponse(f"{path}{'&' if '?' in path else '?'}done={done}", SEE_OTHER)


DONE = {
    "recorded": _("記録しました。"),
    "registered": _("登録しました。ラベルを印刷して機器に貼ってください。"),
    "sealed": _("封印を記録しました。運送会社に渡すまで、中身は変えられません。"),
    "shipped": _("出庫を記録しました。"),
    "confirmed": _("入庫を確定しました。"),
    "drawn": _("ロールのラベルを作りました。印刷してください。"),
    "label-back": _("もとのラベルに戻しました。取り消したラベルは捨ててください。"),
    "added": _("追加しました。"),
    "ended": _("契約を終えました。センターは、もうこの契約の機器を扱えません。"),
    "raised": _("この契約で求める水準を上げました。"),
}
