"""Who looks at a page: which links they have, whose page it is, and where they get help."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.web.i18n import msgid as _

Audience = Literal["public", "town", "centre", "platform"]


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the bar; `text` is a Japanese msgid."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Help:
    """The desk that helps, the same on every page (WCAG 3.2.6)."""

    desk: str
    phone: str = ""
    fax: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Viewer:
    """The one who looks. `who` stands beside the mark; the sign-in puts a Viewer at `request.state.viewer`."""

    audience: Audience = "public"
    who: str = ""
    help: Help | None = None


PUBLIC = Viewer()

NAV: Mapping[Audience, tuple[Link, ...]] = {
    "public": (
        Link(_("機器の追跡"), "/lookup"),
        Link(_("公募"), "/calls"),
        Link(_("寄贈の記録"), "/donations"),
        Link(_("証明書の確認"), "/verify"),
    ),
    "town": (
        Link(_("いま"), "/dashboard"),
        Link(_("機器"), "/items"),
        Link(_("証明書"), "/certificates"),
        Link(_("公募"), "/calls"),
        Link(_("報告"), "/reports"),
    ),
    "centre": (
        Link(_("読取"), "/capture"),
        Link(_("入庫"), "/receiving"),
        Link(_("粉砕"), "/erasure/destroy"),
        Link(_("再生"), "/refurb"),
        Link(_("証明書"), "/certificates"),
    ),
    "platform": (
        Link(_("経路と待ち行列"), "/traces"),
        Link(_("自治体"), "/towns"),
        Link(_("公開鍵"), "/keys"),
        Link(_("メール"), "/certificates/letters"),
    ),
}
