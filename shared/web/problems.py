"""Errors at the door: problem+json (RFC 9457) for programs, a page for people; never exception text, never input.

Under `/api/` the answer is always problem+json; elsewhere the Accept header decides and a browser gets a page.
"""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.database import is_away, sqlstate
from shared.ids import BadLabel
from shared.refused import Forbidden, Invalid, Refused, Reused, SignIn, Unknown, Unready, Unstorable
from shared.web.i18n import Language, language, translator
from shared.web.i18n import msgid as _

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
ERRORS_MAX = 50  # more faults than a person mends at once

_STATUS: tuple[tuple[type[Refused], int], ...] = (
    (Unknown, 404),
    (Forbidden, 403),
    (Invalid, 422),
    (Reused, 422),
    (SignIn, 401),
    (Unready, 503),
)

_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"www-authenticate": "Bearer"},  # RFC 9110 §11.6.1
    503: {"retry-after": "5"},  # §10.2.3, in s: as the gateway says while a service starts
}

# What happened, and what to do next.
_SENTENCES: Mapping[int, tuple[str, str]] = {
    400: (_("送られた内容を読めませんでした。"), _("前の画面に戻って、もう一度お試しください。")),
    401: (_("サインインが必要です。"), _("サインインしてから、もう一度お試しください。")),
    403: (_("この操作をする権限がありません。"), _("担当の方に頼むか、サインインし直してください。")),
    404: (_("ページが見つかりません。"), _("アドレスを確かめるか、入口のページから探してください。")),
    405: (_("この操作はここではできません。"), _("入口のページからやり直してください。")),
    406: (_("求められた形式では答えられません。"), _("別の形式で、もう一度求めてください。")),
    409: (_("いまはこの操作ができません。"), _("画面を読み直して、もう一度お試しください。")),
    412: (_("ほかの人が先に書き換えました。"), _("画面を読み直してから、もう一度入力してください。")),
    413: (_("送られたデータが大きすぎます。"), _("20 MB までに分けるか、小さくして送ってください。")),
    415: (_("この形式のデータは受け付けていません。"), _("受け付ける形式（JSON など）で送ってください。")),
    422: (_("入力に直すところがあります。"), _("示したところを直して、もう一度送ってください。")),
    429: (_("短い間に多くの要求がありました。"), _("1分ほど待ってから、もう一度お試しください。")),
    500: (
        _("めぐるの側で問題が起きました。記録されたかどうかは確かめられていません。"),
        _("少し待って、もう一度お試しください。続くときは下の窓口へお知らせください。"),
    ),
    503: (_("いまは準備中か、混み合っています。"), _("少し待って、もう一度お試しください。")),
}

# Sentences for pydantic's fault types, by prefix; the first that fits is taken.
_FAULTS: tuple[tuple[str, str], ...] = (
    ("missing", _("必要な項目がありません。入れてください。")),
    ("extra_forbidden", _("使わない項目が含まれています。取り除いてください。")),
    ("json_invalid", _("JSONとして読めません。書き方を確かめてください。")),
    ("string_too_short", _("文字が足りません。もっと長く入れてください。")),
    ("string_too_long", _("文字が多すぎます。短くしてください。")),
    ("string_pattern", _("決められた書き方と違います。書き方を確かめてください。")),
    ("too_long", _("数が多すぎます。分けて送ってください。")),
    ("too_short", _("数が足りません。加えてください。")),
    ("greater", _("値が小さすぎます。範囲の中の値を入れてください。")),
    ("less", _("値が大きすぎます。範囲の中の値を入れてください。")),
    ("int", _("整数を入れてください。")),
    ("float", _("数を入れてください。")),
    ("decimal", _("数を入れてください。")),
    ("bool", _("はい・いいえ（true・false）で入れてください。")),
    ("datetime", _("日時は 2021-09-14T10:32:00+09:00 の形で、時差を付けて入れてください。")),
    ("timezone", _("日時は 2021-09-14T10:32:00+09:00 の形で、時差を付けて入れてください。")),
    ("date", _("日付は 2021-09-14 の形で入れてください。")),
    ("uuid", _("番号（UUID）の書き方が違います。")),
    ("enum", _("決められた値の中から選んでください。")),
    ("literal", _("決められた値の中から選んでください。")),
)
_FAULT = _("値の書き方が違います。書き方を確かめてください。")

BAD_LABELS = (
    _("追跡IDではありません。ラベルのQRコードを読み取ってください。"),
    _("追跡IDは9文字です。ラベルを拭いて、もう一度読み取ってください。"),
    _("最後の文字が合いません。ラベルを拭いて、もう一度読み取ってください。"),
    _("追跡IDに使わない文字があります。ラベルを拭いて、もう一度読み取ってください。"),
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", re.ASCII)


class Fault(BaseModel):
    """One fault of a request: where (JSON Pointer into the request, RFC 6901) and what to do."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """A problem document (RFC 9457 §3.1) with Meguru's extensions `code`, `missing`, `errors` and `facts`."""

    model_config = ConfigDict(json_schema_extra={"description": "RFC 9457 problem details"})

    type: str = Field(description="urn:meguru:problem:<code>, stable")
    title: str
    status: int
    detail: str = Field(description="One sentence for a person, in the request's language")
    code: str
    missing: list[str] | None = None
    errors: list[Fault] | None = None
    facts: dict[str, str | int] | None = None


def wants_page(request: Request) -> bool:
    """Tell whether the one who asks is a person with a browser."""
    if request.url.path.startswith("/api/"):
        return False
    accept = request.headers.get("accept", "")
    return "text/html" in accept or "application/xhtml" in accept


def answer(request: Request, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer for a bare status: its usual sentence and what to do next."""
    lang = language(request)
    gettext = translator(lang)
    nearest = status if status in _SENTENCES else 500 if status >= HTTPStatus.INTERNAL_SERVER_ERROR else 400
    happened, do_next = (gettext(sentence) for sentence in _SENTENCES[nearest])
    code = _phrase(status).lower().replace(" ", "-") if status in _KNOWN else "error"
    problem = _problem(status, code, gettext, detail=f"{happened}{'' if lang == 'ja' else ' '}{do_next}")
    return _respond(request, problem, happened, [do_next], headers)


def status_of(refusal: Refused) -> int:
    """Return the HTTP status of a refusal: 409, or what its kind says."""
    return next((status for kind, status in _STATUS if isinstance(refusal, kind)), 409)


def refuse(request: Request, refusal: Refused) -> Response:
    """Return the answer for a refusal: its own sentence in the reader's language, and what is missing."""
    lang = language(request)
    gettext = translator(lang)
    status = status_of(refusal)
    sentence = refusal.ja if lang == "ja" else refusal.en
    missing = [gettext(text) for text in refusal.missing]
    problem = _problem(status, refusal.code, gettext, detail=sentence)
    problem.missing, problem.facts = missing or None, dict(refusal.detail) or None
    return _respond(request, problem, sentence, missing, _HEADERS.get(status))


def faults(errors: list[Any], lang: Language) -> list[Fault]:
    """Return what a person can mend, one sentence a fault; neither values nor keys the sender made up are repeated."""
    gettext = translator(lang)
    found: dict[tuple[str, str], Fault] = {}
    for error in errors[:ERRORS_MAX]:
        fault = Fault(pointer=_pointer(error), detail=gettext(_sentence(error)))
        found.setdefault((fault.pointer, fault.detail), fault)
    return list(found.values())


def _sentence(error: Mapping[str, Any]) -> str:
    said = error.get("ctx", {}).get("error")
    if isinstance(said, BadLabel):
        return str(said)
    return next((sentence for prefix, sentence in _FAULTS if error["type"].startswith(prefix)), _FAULT)


def _pointer(error: Mapping[str, Any]) -> str:
    parts = list(error["loc"])
    if error["type"] == "extra_forbidden" or "[key]" in parts:
        parts = parts[: parts.index("[key]") - 1 if "[key]" in parts else -1]
    return "".join(f"/{part}" for part in parts if isinstance(part, int) or _NAME.fullmatch(str(part)))


_KNOWN = frozenset(status.value for status in HTTPStatus)
_TITLES: Mapping[int, str] = {
    401: _("サインインが必要です"),
    403: _("権限がありません"),
    404: _("見つかりません"),
    409: _("いまはできません"),
    422: _("直すところがあります"),
}


def _phrase(status: int) -> str:
    """Return the words of RFC 9110 for a status, whatever this Python's own list says (413 was renamed in 3.13)."""
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return "Content Too Large"
    return HTTPStatus(status).phrase if status in _KNOWN else str(status)


def _problem(status: int, code: str, gettext: Any, *, detail: str) -> Problem:
    title = _TITLES.get(status)
    phrase = gettext(title) if title else _phrase(status)
    return Problem(type=f"urn:meguru:problem:{code}", title=phrase, status=status, detail=detail, code=code)


def _respond(
    request: Request,
    problem: Problem,
    head: str,
    steps: list[str],
    headers: Mapping[str, str] | None = None,
) -> Response:
    if wants_page(request):
        from shared.web.pages import render  # pages render errors too: the circle is closed here only

        page = render(request, "error.html", problem.status, problem=problem, head=head, steps=steps)
        page.headers.update(headers or {})
        return page
    body = problem.model_dump(exclude_none=True)
    answered = JSONResponse(body, problem.status, dict(headers or {}), MEDIA_TYPE)
    answered.headers["content-language"] = language(request)
    answered.headers["vary"] = "Accept, Accept-Language, Cookie"
    return answered


async def on_refused(request: Request, refusal: Exception) -> Response:
    """Answer a Refused and its kin."""
    return refuse(request, refusal) if isinstance(refusal, Refused) else answer(request, 500)


async def on_database(request: Request, failure: Exception) -> Response:
    """Answer 503 when the database is away and 422 for a value that it cannot hold; else it is a fault of ours."""
    if sqlstate(failure).startswith("22") or isinstance(failure, DataError):  # data exception: a NUL, a huge number
        log.warning("a value that the database cannot hold: %s", sqlstate(failure))
        return refuse(request, Unstorable())
    if not is_away(failure):
        raise failure
    log.warning("the database is away: %r", failure)
    return refuse(request, Unready())


async def on_http(request: Request, error: Exception) -> Response:
    """Answer what the framework raises (404, 405, 413 …) by status alone: its texts may repeat input."""
    if not isinstance(error, HTTPException):
        return answer(request, 500)
    if error.status_code in {204, 304}:
        return Response(status_code=error.status_code, headers=error.headers)
    return answer(request, error.status_code, error.headers)


async def on_validation(request: Request, error: Exception) -> Response:
    """Answer a request whose shape is wrong (422)."""
    errors = list(error.errors()) if isinstance(error, RequestValidationError) else []
    lang = language(request)
    gettext = translator(lang)
    happened, do_next = (gettext(sentence) for sentence in _SENTENCES[422])
    problem = _problem(422, "invalid", gettext, detail=f"{happened}{'' if lang == 'ja' else ' '}{do_next}")
    problem.errors = faults(errors, lang)
    return _respond(request, problem, happened, [do_next])


async def on_crash(request: Request, _error: Exception) -> Response:
    """Answer 500 with the security headers: this handler runs outside the middleware that adds them."""
    from shared.web.guard import seal  # guard answers with problems: the circle is closed here only

    crashed = answer(request, 500)
    seal(crashed.headers)
    return crashed
