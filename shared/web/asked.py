"""What a form asked: its request id, its fields as typed, and a refusal said again on the same page."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import Request
from pydantic import Field
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from shared.door import Ask
from shared.ids import uuid7
from shared.refused import Forbidden, Invalid, Refused, SignIn, Unknown
from shared.web.forms import Form
from shared.web.i18n import language
from shared.web.problems import status_of

SEE_OTHER = 303
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
        self.beside = ""  # the field that the refusal stands at

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

    async def file(self, name: str, most: int) -> bytes:
        """Return what was uploaded, empty without a file; one byte more than `most` says that it is too large."""
        sent = self.form.typed.get(name)
        if not isinstance(sent, UploadFile):
            return b""
        try:
            return await sent.read(most + 1)
        finally:
            await sent.close()

    def refuse(self, refusal: Refused, field: str = "") -> None:
        """Keep a refusal for the page, beside the field it names or else beside `field`, or above the form.

        What is not about this form goes on: sign-in, rights, and a thing that no field of it names.
        """
        if isinstance(refusal, (Forbidden, SignIn)) or (isinstance(refusal, Unknown) and not field):
            raise refusal
        named = str(refusal.detail.get("field", field))
        self.beside = field if field and named not in self.form.labels else named
        if self.beside:
            say = refusal.ja if language(self.request) == "ja" else refusal.en
            self.form.wrong(self.beside, self.form.labels.get(self.beside, ""), say)
        self.refusal = refusal

    async def tried(self, act: Callable[[], Awaitable[object]], *, field: str = "") -> bool:
        """Act when nothing typed has to be mended; a refusal is kept for the page. Tells whether it was done."""
        if self.form.errors:
            return False
        try:
            await act()
        except Refused as refusal:
            self.refuse(refusal, field)
            return False
        return True

    @property
    def status(self) -> int:
        """200 for a first look, 422 when something typed has to be mended, what the refusal says when there is one."""
        if self.refusal:
            return status_of(self.refusal)
        return UNPROCESSABLE if self.form.errors else 200

    @property
    def said(self) -> dict[str, Any]:
        """What every page with a form gives its template."""
        refusal = self.refusal
        sentence = "" if refusal is None else refusal.ja if language(self.request) == "ja" else refusal.en
        return {
            "form": self.form,
            "identity": (self.form.value("request") if self.form.errors or refusal else "") or uuid7(),
            "refused": "" if self.beside else sentence,
            "missing": () if refusal is None else refusal.missing,
            "done": self.request.query_params.get("done", ""),
        }


def nothing(request: Request) -> Asked:
    """Return the form of a first visit."""
    return Asked(request, {})


def again(path: str, done: str = "recorded") -> Response:
    """Send the browser on after a write, so that reloading writes nothing again."""
    return RedirectResponse(f"{path}{'&' if '?' in path else '?'}done={done}", SEE_OTHER)
