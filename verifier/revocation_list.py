"""The signed list of revoked certificates: what no longer stands, as of a day. Read offline, like everything here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from verifier import credential, fields
from verifier.keys import Keys
from verifier.verdict import Standing, Unreadable, Wrong

NEEDED = ("number", "pdf_sha256", "json_sha256", "revoked_at", "ja", "en")


@dataclass(frozen=True, slots=True)
class Revocations:
    """A list that a known key signed. `old` when it is past its next update on the day it is read."""

    issued_at: datetime
    next_update: datetime
    old: bool
    age_days: int
    revoked: Mapping[str, Mapping[str, Any]]  # by number, and by the hash of either file
    house: frozenset[bytes]  # the public keys that go by the name of the one that signed it: what the list speaks of

    @classmethod
    def parse(cls, data: bytes, keys: Keys, now: datetime) -> "Revocations":
        """Read a list. Raises Unreadable for what is no list, or is signed by no key of the list of keys."""
        document = credential.load(data)
        signature = credential.signature(document, keys)
        if signature.status != "ok":
            raise Unreadable(f"取り消しの一覧: {signature.ja}", f"The list of revocations: {signature.en}")
        if any(key.revoked for key in keys.credentials if key.public == credential.signer(document)):
            raise Unreadable(  # whoever has a key that was lost may write any day on a list
                "取り消しの一覧が、いまは使われていない鍵で署名されています。新しい一覧を入手してください。",
                "The list of revocations is signed by a key that was revoked: get a newer list.",
            )
        subject = document["credentialSubject"]
        rows = subject.get("revoked")
        if subject.get("kind") != "revocations" or not isinstance(rows, list):
            raise Unreadable("取り消しの一覧ではありません。", "This is no list of revocations.")
        revoked: dict[str, Mapping[str, Any]] = {}
        for row in rows:
            if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in NEEDED):
                raise Unreadable("取り消しの一覧の形が違います。", "The list of revocations has another shape.")
            revoked |= {row[name]: row for name in ("number", "pdf_sha256", "json_sha256")}
        try:
            issued, following = (fields.instant(document[name]) for name in ("validFrom", "validUntil"))
        except (KeyError, ValueError, TypeError) as wrong:
            raise Unreadable("取り消しの一覧の日付が読めません。", "The list's dates cannot be read.") from wrong
        names = {key.name for key in keys.credentials if key.public == credential.signer(document)}
        house = frozenset(key.public for key in keys.credentials if key.name in names)
        return cls(issued, following, now > following, max((now - issued).days, 0), revoked, house)

    @property
    def warning(self) -> tuple[str, str] | None:
        """What must be said aloud before any answer that rests on the list; None while it is fresh."""
        if not self.old:
            return None
        return (
            f"取り消しの一覧は {self.age_days} 日前のものです。そこにない証明書がいまも有効かは分かりません。",
            f"The list of revocations is {self.age_days} days old: what it does not name may have been revoked since.",
        )

    def standing(self, document: Mapping[str, Any], sha256: str) -> Standing:
        """Say whether a certificate stands by this list, and how far that can be relied on."""
        subject = document["credentialSubject"]
        if not self._speaks_of(document):
            return _FOREIGN
        row = self.revoked.get(str(subject.get("number"))) or self.revoked.get(sha256)
        if row:
            instead = row.get("replaced_by")
            told = (f"差し替え: {instead}。", f" Replaced by {instead}.") if instead else ("", "")
            day = row["revoked_at"][:10]
            return Standing(
                "revoked",
                f"{day} に取り消されました（{row['ja']}）。{told[0]}",
                f"Revoked on {day}: {row['en']}.{told[1]}",
                str(instead) if instead else None,
            )
        gone = [line.get("number") for line in _lines(subject) if str(line.get("number")) in self.revoked]
        if gone:
            listed = ", ".join(map(str, gone[:5]))
            return Standing(
                "outdated",
                f"この一覧の証明書のうち {len(gone)} 通があとで取り消されました: {listed}。",
                f"{len(gone)} of the certificates it lists were revoked since: {listed}.",
            )
        return self._not_listed(document)

    def _speaks_of(self, document: Mapping[str, Any]) -> bool:
        try:
            return credential.signer(document) in self.house
        except Wrong:
            return False

    def _not_listed(self, document: Mapping[str, Any]) -> Standing:
        day = f"{self.issued_at.astimezone(UTC):%Y-%m-%d %H:%MZ}"
        try:
            issued = fields.instant(document["validFrom"])
        except (KeyError, ValueError, TypeError):
            issued = self.issued_at
        if issued > self.issued_at:
            return Standing(
                "unknown",
                f"取り消しの一覧（{day}）が証明書より古いため、いまも有効かは分かりません。新しい一覧を入手してください。",
                f"The list of revocations ({day}) is older than the certificate: get a newer one.",
            )
        if self.old:
            until = f"{self.next_update.astimezone(UTC):%Y-%m-%d %H:%MZ}"
            return Standing(
                "unknown",
                f"取り消しの一覧（{day}）は {self.age_days} 日前のもので、更新の期限 {until} を過ぎています。"
                "その後の取り消しは分かりません。新しい一覧を入手してください。",
                f"The list of revocations ({day}) is {self.age_days} days old and past its next update ({until}): "
                "later revocations are not known. Get a newer one.",
            )
        return Standing("stands", f"取り消しの一覧（{day}）にありません。", f"Not on the list of revocations ({day}).")


_FOREIGN = Standing(
    "unknown",
    "取り消しの一覧が、この証明書の発行元のものではありません。発行元の一覧を入手してください。",
    "The list of revocations is none of this certificate's issuer: get the issuer's own.",
)


def _lines(subject: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    lines = subject.get("lines")
    return [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
