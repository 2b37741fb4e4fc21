"""What the verifier says: five checks in fixed order, each with a sentence in Japanese and in English."""

from dataclasses import dataclass, replace
from typing import Literal

Name = Literal["signature", "time", "log", "photos", "completeness"]
Status = Literal["ok", "failed", "lost", "not-applicable"]

TITLES: dict[Name, tuple[str, str]] = {  # the order in which they are told
    "signature": ("署名", "Signature"),
    "time": ("時刻", "Time"),
    "log": ("台帳", "Log"),
    "photos": ("写真", "Photos"),
    "completeness": ("そろい", "Completeness"),
}


class Unreadable(Exception):
    """A file that is no certificate at all, or too broken to be read as one; its text says so in both languages."""

    def __init__(self, ja: str, en: str) -> None:
        super().__init__(f"{ja} {en}")
        self.ja, self.en = ja, en


class Wrong(Exception):
    """One thing that does not hold, in both languages. Raised inside a check, never out of `verify`."""

    def __init__(self, ja: str, en: str, differences: "tuple[Difference, ...]" = ()) -> None:
        super().__init__(en)
        self.ja, self.en, self.differences = ja, en, differences


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that says one thing in the file and another in what is proved."""

    ja: str
    en: str
    file: str
    proved: str


@dataclass(frozen=True, slots=True)
class Check:
    """One of the five: what was looked at and what came out."""

    name: Name
    status: Status
    ja: str
    en: str
    differences: tuple[Difference, ...] = ()

    @classmethod
    def failed(cls, name: Name, wrong: Wrong) -> "Check":
        """Turn what was wrong into a failed check."""
        return cls(name, "failed", wrong.ja, wrong.en, wrong.differences)

    def but(self, other: "Check") -> "Check":
        """Join two findings under one name: a failure outweighs, then what was lost; both sentences stay."""
        found = (self.status, other.status)
        status: Status = "failed" if "failed" in found else "lost" if "lost" in found else self.status
        return replace(
            self,
            status=status,
            ja=f"{self.ja} {other.ja}",
            en=f"{self.en} {other.en}",
            differences=self.differences + other.differences,
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """What a list of revocations says of a certificate; "outdated": a lot of which single certificates were revoked."""

    state: Literal["stands", "outdated", "revoked", "unknown"]
    ja: str
    en: str
    replaced_by: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one file."""

    file: str
    kind: Literal["pdf", "credential", "proof", "bundle"]
    number: str | None
    checks: tuple[Check, ...]
    proved: tuple[tuple[str, str, str], ...] = ()  # (ja, en, value) of the logged entry: right whatever the page shows
    standing: Standing | None = None  # by a list of revocations, where one was given

    @property
    def ok(self) -> bool:
        """True when nothing failed or was lost, something was checked, and no list given says that it is revoked."""
        states = {check.status for check in self.checks}
        if self.standing and self.standing.state == "revoked":
            return False
        return states.isdisjoint(("failed", "lost")) and "ok" in states

    @property
    def stripped(self) -> bool:
        """True when the page has lost its signature, and all that the file still holds is true.

        Gateways that disarm files (無害化) do this. The page itself then proves nothing; what is `proved` does.
        """
        states = {check.status for check in self.checks}
        return "lost" in states and "failed" not in states

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Every field that differs, once."""
        return tuple(dict.fromkeys(found for check in self.checks for found in check.differences))
