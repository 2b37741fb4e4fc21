"""Keys that were revoked: what they signed before stays true, what they signed from then on does not.

The time that counts is a trusted time stamp's where there is one, else the signer's own; the sentence says which.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from verifier.keys import Keys
from verifier.log import Head
from verifier.verdict import Check, Wrong

Remark = tuple[str, str]  # in Japanese and in English
NOTHING: Remark = ("", "")


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was signed, and whether anybody but the signer says so."""

    at: datetime
    vouched: bool


def standing(ja: str, en: str, revoked: datetime | None, when: Moment | None) -> Remark:
    """Return what must be said of a good signature by this key, nothing while it was never revoked.

    `ja` and `en` name the key. Raises Wrong when it signed after its revocation, or when nobody says when.
    """
    if revoked is None:
        return NOTHING
    if when is None:
        raise Wrong(
            f"{ja}は {utc(revoked)} に失効しています。いつ署名したものかが分からないため、信用できません。",
            f"{en} was revoked at {utc(revoked)}, and nothing tells when it signed this.",
        )
    by_ja = "時刻認証による" if when.vouched else "署名者の申告で、ほかに保証するものはない"
    by_en = "by a time stamp" if when.vouched else "by the signer's own word, for which nobody vouches"
    if when.at >= revoked:
        raise Wrong(
            f"{ja}は {utc(revoked)} に失効しています。署名の時刻 {utc(when.at)}（{by_ja}）はその後です。",
            f"{en} was revoked at {utc(revoked)}; it signed at {utc(when.at)} ({by_en}), not before.",
        )
    return (
        f"{ja}はその後 {utc(revoked)} に失効しましたが、署名の時刻 {utc(when.at)}（{by_ja}）はその前です。",
        f"{en} was revoked later, at {utc(revoked)}; it signed before, at {utc(when.at)} ({by_en}).",
    )


def log_standing(head: Head, keys: Keys, when: Moment | None) -> Remark:
    """Do the same for the log's key, after `check_checkpoint`: a head says no time, so `when` is of what cites it.

    Raises Wrong as `standing` does; a head that also has the signature of a key in force needs no word.
    """
    signed = {(name, identifier) for name, identifier, _ in head.signatures}
    signers = [
        key for key in keys.logs if key.name == head.origin and (key.name, key.id) in signed and key.covers(head.size)
    ]
    ends = [key.revoked for key in signers if key.revoked]
    if len(ends) < len(signers):
        return NOTHING
    name_ja, name_en = f"台帳の鍵（{head.origin}）", f"The log's key ({head.origin})"
    return standing(name_ja, name_en, max(ends, default=None), when)


def with_remark(check: Check, remark: Remark) -> Check:
    """Put a remark behind a check's own sentence."""
    return check if remark == NOTHING else check.but(Check(check.name, check.status, *remark))


def utc(at: datetime) -> str:
    """Write a moment for people, to the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
