"""`meguru grade`: what a report shows of each drive, without a server. The same readers and table as the service's."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from services.erasure.domain.finding import Finding
from services.erasure.domain.grading import Grade, Verdict, grade
from services.erasure.domain.period import Period
from services.erasure.domain.reason import Reason
from services.erasure.domain.simulation import is_of_simulation, without_worth
from services.erasure.reports.before import since
from services.erasure.reports.read import Report, Unreadable, read_alone
from services.erasure.reports.text import CONTENT_MAX, WORDS_MAX, visible

PROVED, NOT_PROVED, UNREADABLE = 0, 1, 2
_UNREAD_EN = "This file cannot be read as a known report. Save the tool's output as it is, whole, and try again."


@dataclass(frozen=True, slots=True)
class Drive:
    """One drive in one file, judged by this file alone and by what the person gave as the state before."""

    file: str
    report: Report
    finding: Finding
    judged: Grade

    @property
    def is_proved(self) -> bool:
        """Whether grade, binding and freshness are there together: only that is proof."""
        return self.judged.level is not None

    def reasons(self) -> tuple[Reason, ...]:
        """Give everything that carries or lowers the grade, in the order of the argument."""
        return tuple(dict.fromkeys((*self.judged.reasons, *self.judged.contradictions, *self.judged.to_validate)))


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that no reader reads, and why."""

    file: str
    ja: str
    en: str


def grade_files(files: Sequence[Path], before: Sequence[Path], *, as_json: bool, language: str) -> int:
    """Print what the files show. Returns PROVED, NOT_PROVED or UNREADABLE, the worst of all drives and files."""
    earlier, results = _judge(files, before)
    unread = [one for one in (*earlier, *results) if isinstance(one, Unread)]
    drives = [one for one in results if isinstance(one, Drive)]
    if as_json:
        told = [_told(one, language) for one in results]
        print(json.dumps(told, ensure_ascii=False, indent=1))  # noqa: T201 - the command's answer
        _complain(earlier, language)
    else:
        _show(drives, language)
        _complain(unread, language)
    if unread:
        return UNREADABLE
    return PROVED if all(drive.is_proved for drive in drives) else NOT_PROVED


def language_of(environment: Mapping[str, str]) -> str:
    """Return the person's language as the terminal says it (POSIX locale); Japanese where it says nothing."""
    said = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "ja" if said.partition(".")[0] in ("", "C", "POSIX") or said.startswith("ja") else "en"


def _judge(files: Sequence[Path], before: Sequence[Path]) -> tuple[list[Unread], list[Drive | Unread]]:
    read = [_read(path) for path in before]
    earlier = [report for report in read if isinstance(report, Report)]
    results: list[Drive | Unread] = []
    until_now = Period(received=datetime.now(UTC))
    for path in files:
        report = _read(path)
        if isinstance(report, Unread):
            results.append(report)
            continue
        report = since(earlier, report)
        results += [Drive(_name(path), report, finding, _worth(finding, until_now)) for finding in report.findings]
    return [report for report in read if isinstance(report, Unread)], results


def _worth(finding: Finding, until_now: Period) -> Grade:
    """Grade as for a medium of a real engagement: what is simulated is no evidence."""
    judged = grade(finding, period=until_now)
    return without_worth(judged) if is_of_simulation(finding) else judged


def _read(path: Path) -> Report | Unread:
    """Read no more than a report may have, so that a wrong file name costs nothing."""
    try:
        with path.open("rb") as file:
            return read_alone(file.read(CONTENT_MAX + 1), path.name)
    except Unreadable as wrong:
        return Unread(_name(path), str(wrong), _UNREAD_EN)
    except OSError as wrong:
        words = visible(str(wrong.strerror), WORDS_MAX)
        return Unread(
            _name(path),
            f"ファイルを開けません（{words}）。名前と権限を確かめてください。",
            f"The file cannot be opened ({words}). Check its name and that you may read it.",
        )


def _name(path: Path) -> str:
    return visible(str(path), WORDS_MAX)


def _told(one: Drive | Unread, language: str) -> dict[str, Any]:
    """Give one object a drive; a file that cannot be read is one drive of which nothing is known."""
    if isinstance(one, Unread):
        nothing = {"serial": "", "model": "", "grade": Verdict.UNKNOWN, "bound": False, "fresh": False}
        return {
            "file": one.file,
            **nothing,
            "proved": None,
            "reasons": [getattr(one, language)],
            "codes": ["unreadable"],
        }
    judged, finding = one.judged, one.finding
    return {
        "file": one.file,
        "serial": finding.serial,
        "model": finding.model,
        "grade": judged.verdict,
        "bound": judged.bound,
        "fresh": judged.fresh,
        "proved": judged.level,
        "reasons": [getattr(reason, language) for reason in one.reasons()],
        "codes": [reason.code for reason in one.reasons()],
        "would_raise": [getattr(reason, language) for reason in judged.would_raise],
        "technique": finding.technique,
        "kind": finding.kind,
        "device": finding.device,
        "host_serial": finding.host_serial,
        "source": one.report.source,
        "tool": one.report.tool,
        "tool_version": one.report.tool_version,
        "table": judged.table_version,
    }


def _show(drives: Sequence[Drive], language: str) -> None:
    """Print each drive with its reasons below it; device text goes in as text, never as markup."""
    if not drives:
        return
    is_ja = language == "ja"
    console = Console(highlight=False, soft_wrap=True)
    for drive in drives:
        finding, judged = drive.finding, drive.judged
        named = "  ".join(said for said in (finding.serial or "—", finding.model, drive.file) if said)
        bound, fresh = ("○" if is_shown else "×" for is_shown in (judged.bound, judged.fresh))
        shown = f"特定 {bound}  今回 {fresh}" if is_ja else f"bound {bound}  fresh {fresh}"
        head = Text(f"{judged.verdict}  {shown}  ", style="green" if drive.is_proved else "yellow")
        console.print(head.append(named))
        for reason in (*drive.reasons(), *judged.would_raise):
            console.print(Text(f"  ・{getattr(reason, language)}"))
    proved = sum(drive.is_proved for drive in drives)
    console.print(
        f"{len(drives)} 台のうち {proved} 台が証明されました（判定・特定・今回がそろったもの）。"
        if is_ja
        else f"{proved} of {len(drives)} drives are proved (grade, bound and fresh together).",
        markup=False,
    )


def _complain(unread: Sequence[Unread], language: str) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for one in unread:
        console.print(f"× {one.file}: {getattr(one, language)}", markup=False)


def user_language() -> str:
    """Return the language of whoever runs the command."""
    return language_of(os.environ)
