"""A report as read: which tool wrote it, and what it says of each drive."""

from dataclasses import dataclass

from services.erasure.domain.finding import Finding


class Unreadable(ValueError):
    """The file is no report that is known here, or it is damaged. The message says what was expected and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One file. The caller keeps and hashes its bytes; the order of findings is that of the file."""

    tool: str
    tool_version: str  # empty when the tool does not say
    source: str  # which reader read it
    findings: tuple[Finding, ...]
    is_console: bool = False  # what a terminal showed: no document of any format
