"""Refusals: how the rules say no, in words a person can act on. Pure: no framework, no I/O.

The web recipe turns them into problem+json or an error page (`shared.web.problems`); nothing here knows of HTTP.
"""

from typing import ClassVar

_FROZEN = frozenset({"code", "ja", "en", "missing", "detail"})


class Refused(Exception):
    """A step the rules do not allow now. `code` is stable and for machines, `ja` and `en` are one sentence each.

    `missing` names what is still needed, most important first. `detail` carries further facts by name (numbers,
    labels); it leaves the house, so it never holds names of people, secrets or what somebody typed.
    """

    code: str
    ja: str
    en: str
    missing: tuple[str, ...]
    detail: dict[str, str | int]

    def __init__(self, code: str, ja: str, en: str, *, missing: tuple[str, ...] = (), **detail: str | int) -> None:
        super().__init__(ja)
        self.code, self.ja, self.en, self.missing, self.detail = code, ja, en, tuple(missing), detail

    def __setattr__(self, name: str, value: object) -> None:
        """Freeze the five facts once said; the interpreter's own attributes (traceback, notes) stay settable."""
        if name in _FROZEN and name in self.__dict__:
            raise AttributeError(f"{type(self).__name__}.{name} is frozen: raise a new refusal instead")
        super().__setattr__(name, value)


class _Plain(Refused):
    """A refusal whose usual sentence is known; a caller with a better one gives it."""

    said: ClassVar[tuple[str, str, str]]

    def __init__(
        self,
        code: str | None = None,
        ja: str | None = None,
        en: str | None = None,
        *,
        missing: tuple[str, ...] = (),
        **detail: str | int,
    ) -> None:
        usual = self.said
        super().__init__(code or usual[0], ja or usual[1], en or usual[2], missing=missing, **detail)


class Unknown(_Plain):
    """Nothing with this name is visible to the one who asks; whether it exists elsewhere is not told."""

    said = (
        "unknown",
        "見つかりません。番号を確かめて、もう一度お試しください。",
        "Not found. Check the number and try again.",
    )


class Forbidden(_Plain):
    """The one who asks may not do this."""

    said = (
        "forbidden",
        "この操作をする権限がありません。担当の方に頼んでください。",
        "You may not do this. Ask a colleague who may.",
    )


class Invalid(_Plain):
    """What was given cannot be understood; `detail["field"]` may name the field it is about."""

    said = (
        "invalid",
        "入力に直すところがあります。示したところを直して、もう一度送ってください。",
        "Something needs correcting. Correct what is marked and send again.",
    )


class Reused(_Plain):
    """A request id came a second time with another body: a replay must repeat the first request exactly."""

    said = (
        "request-id-reused",
        "この要求番号は別の内容で使われています。新しい番号を付けて、送り直してください。",
        "This request id was used with another body. Send again with a new id.",
    )


class SignIn(_Plain):
    """Nobody is signed in, or the token does not verify; what exactly is off is not told."""

    said = (
        "sign-in",
        "サインインが必要です。サインインしてから、もう一度お試しください。",
        "You need to sign in. Sign in, then try again.",
    )


class Unstorable(Invalid):
    """A value that can be sent and cannot be kept: a NUL, a number or a year that is too large."""

    said = (
        "unstorable",
        "記録できない値が含まれています。制御文字や大きすぎる数がないか確かめて、もう一度送ってください。",
        "There is a value that cannot be recorded. Look for control characters and huge numbers, then send again.",
    )


class Unready(_Plain):
    """The database went away in the middle: whether it was recorded is told by sending the same request again."""

    said = (
        "unready",
        "いまは記録できるか確かめられません。少し待って、同じものをもう一度送ってください。",
        "It cannot be told now whether this was recorded. Wait a little and send the same again.",
    )
