"""nwipe and ShredOS logs, versions 0.32 to 0.42: several drives a run, several runs a file, tails cut off.

The summary row alone is not believed: "Erased" must be carried by the drive's own lines (every pass finished, the last
one read back), by error counters of zero, by the same serial in every place, and by the closing lines of the run. Model
and serial are the last column of the row and are compared as a whole, never searched for words.

Start and end stand on the drive's own first and last line, and once more as duration in the row: the thread takes both
times beside these lines, in whole seconds, so the three agree exactly and an altered digit of any shows. Where a second
turned over in between (in thousandths of one), an honest log is doubted too, and a person looks at it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.erasure.domain.finding import Finding
from services.erasure.domain.reason import Reason, because
from services.erasure.domain.technique import Freshness, MediumKind, Outcome, Technique, Verification
from services.erasure.reports.nwipe_log import Drive, Row, Run, runs_of
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import MODEL_MAX, SERIAL_MAX, WORDS_MAX, lines_of, model_of, serial_of, visible

SOURCE = "nwipe"

MODEL_COLUMN = 17  # characters of the model in the summary row
CLOSING_SLACK = timedelta(seconds=30)  # between the summary and the last line

METHODS = (
    "Fill With Zeros",
    "Fill With Ones",
    "RCMP TSSIT OPS-II",
    "DoD Short",
    "DoD 5220.22-M",
    "Gutmann Wipe",
    "PRNG Stream",
    "HMG IS5 Enhanced",
    "Bruce Schneier 7-Pass",
    "BMB21-2019",
)
READ_ONLY = ("Verify Zeros (0x00)", "Verify Ones  (0xFF)")
_VERIFY = {
    "NV": ("0 (off)", Verification.NONE),
    "VL": ("1 (last pass)", Verification.LAST_PASS),
    "VA": ("2 (all passes)", Verification.ALL_PASSES),
}
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
NUMBER_MAX = 12  # digits
_OUTCOMES = {
    " Erased ": Outcome.COMPLETED,
    "-FAILED-": Outcome.FAILED,
    "UABORTED": Outcome.INCOMPLETE,
    "INSANITY": Outcome.INCOMPLETE,
}


def recognises(text: str) -> bool:
    """Whether nwipe names itself in a stamped line: as first line, or as banner among the options."""
    return ("info: nwipe " in text or "= nwipe " in text) and "/dev/" in text


def read(text: str) -> Report:
    """Read all runs, in the order of the file. Raises Unreadable without any drive."""
    runs = runs_of(lines_of(text))
    unclear = max((run for run in runs if run.undated or run.damaged or not run.drives), key=_reach, default=None)
    behind = [run.stray for run in runs]
    for number in reversed(range(len(runs) - 1)):
        behind[number] = behind[number] or behind[number + 1]
    found = [
        _doubted(finding, stray, unclear if unclear is not run or run.undated else None)
        for run, stray in zip(runs, behind, strict=True)
        for finding in _findings(run)
    ]
    if not found:
        raise Unreadable(
            "nwipe のログにドライブが見つかりません。`--logfile=` で保存したログ全体を、そのまま登録してください。"
        )
    return Report(tool="nwipe", tool_version=runs[-1].program, source=SOURCE, findings=tuple(found))


def _doubted(finding: Finding, behind: str, unclear: Run | None) -> Finding:
    """Doubt a success behind whose run something unread stands, or which the last of the unclear runs may follow.

    Either may speak of any drive that was wiped before: of a second job, or of what somebody else did to it.
    """
    if unclear and not behind and not (finding.started and _reach(unclear) < finding.started):
        behind = _called(unclear)
    if not behind or finding.outcome is not Outcome.COMPLETED:
        return finding
    return replace(finding, contradictions=(*finding.contradictions, because("text-behind", words=behind)))


def _reach(run: Run) -> datetime:
    """Give the time of a run's last line; where its times cannot be told, it may be after everything."""
    return datetime.max if run.undated or run.backwards or not run.clock else run.clock  # noqa: DTZ901 - the tool writes no zone


def _called(run: Run) -> str:
    return next(iter(run.damaged), run.stray) or f"nwipe {run.program}"


def _findings(run: Run) -> list[Finding]:
    """Drives that were wiped; where the log stops before that, those that were found."""
    wiped = [drive for drive in run.drives.values() if drive.invoked or drive.rows]
    return [
        finding
        for drive in wiped or run.drives.values()
        for finding in _also_of(_names_of(drive), _finding(run, drive))
    ]


def _also_of(names: Sequence[str], finding: Finding) -> Iterable[Finding]:
    """Hold what did not pass against every serial that the run gives the drive: one of them was altered."""
    if finding.outcome is Outcome.COMPLETED or not finding.serial:
        yield finding
        return
    others = [name for name in dict.fromkeys(names) if name != finding.serial]
    doubts: tuple[Reason, ...] = ()
    if others:
        doubts = (because("identity-differs", what="S/N", one=finding.serial, other=others[0]),)
    elif len(names) == 1:
        doubts = (because("named-once"),)
    for serial in (finding.serial, *others):
        yield replace(finding, serial=serial, contradictions=(*finding.contradictions, *doubts))


def _names_of(drive: Drive) -> list[str]:
    """Give what `Found`, the drive's own line and its rows say; old versions leave stray bytes behind it in the row."""
    said = [one for one in (drive.found_serial, drive.own_serial) if one]
    for row in drive.rows:
        name = row.name.removeprefix(f"{drive.model[:MODEL_COLUMN]}/")
        said.append(next((one for one in said if _is_with_stray(name, one)), name))
    return [serial_of(one[:SERIAL_MAX]) for one in said if named(one)]


def _is_with_stray(name: str, serial: str) -> bool:
    """Whether the row names this serial, with stray bytes of an old version behind it: those are no printed letters."""
    rest = name.removeprefix(serial)
    return name.startswith(serial) and not (rest and " " < rest[0] <= "~")


def _finding(run: Run, drive: Drive) -> Finding:
    row = drive.rows[0] if drive.rows else None
    outcome, words = _outcome(run, drive, row)
    completed = outcome is Outcome.COMPLETED
    read_only = drive.method in READ_ONLY
    extra = drive.blanking + drive.random_end
    serial = named(_serial(drive))
    return Finding(
        technique=Technique.READ_ONLY if read_only else Technique.OVERWRITE,
        outcome=outcome,
        words=visible(words, WORDS_MAX),
        serial=serial_of(serial),
        model=model_of(drive.model),
        host_serial=run.host_serial,
        device=visible(drive.name, SERIAL_MAX),
        kind=_kind(drive.bus),
        started=drive.invoked,
        finished=drive.last if drive.invoked else run.clock,  # when it was last heard of
        passes=max(drive.passes, 0) * max(drive.rounds, 0) + extra or None,
        verification=_verification(run, drive) if completed else Verification.NONE,
        freshness=Freshness.LOGGED if drive.invoked and drive.last else Freshness.STATE_ONLY,
        hidden=drive.hidden,
        errors=tuple(drive.errors),
        contradictions=tuple(_contradictions(run, drive, row) if row and completed else _disorder(run)),
    )


def named(serial: str) -> str:
    """Give the serial, or nothing where nwipe prints what stands for none: not given, or hidden by --quiet."""
    return "" if serial == "(S/N: unknown)" or set(serial) == {"X"} else serial


def _serial(drive: Drive) -> str:
    return drive.own_serial if drive.own_serial is not None else drive.found_serial or ""


def _kind(bus: str) -> MediumKind:
    """Type column: before 0.35 an SSD is called ATA as well, so ATA alone says nothing."""
    if bus.startswith("NVME"):
        return MediumKind.NVME
    return MediumKind.SSD if bus.endswith("-SSD") or bus.startswith("MMC") else MediumKind.UNKNOWN


def _outcome(run: Run, drive: Drive, row: Row | None) -> tuple[Outcome, str]:
    """Let the row decide downwards only: what failed anywhere has failed, what has no end is incomplete."""
    if drive.errors and row is None:
        return Outcome.FAILED, drive.errors[0]
    if row is None:
        return Outcome.INCOMPLETE, "the log ends before the summary"
    if any(count != 0 for counters in drive.counters for count in counters):
        return Outcome.FAILED, f"{row.status.strip()}, errors {drive.counters[0]}"
    outcome = _OUTCOMES.get(row.status, Outcome.INCOMPLETE)
    if outcome is Outcome.COMPLETED and not (run.ended and run.closing):
        return Outcome.INCOMPLETE, "the log ends before the closing line"
    return outcome, row.status.strip()


def _verification(run: Run, drive: Drive) -> Verification:
    """Say what was read back after the last writing stage of this drive, not what the option promised."""
    promised = _VERIFY.get(run.total[3] if run.total else "", ("", Verification.NONE))[1]
    if drive.blanking:
        done = drive.blank_verified
    elif drive.random_end:
        done = drive.random_end_verified
    else:
        done = (drive.rounds, drive.passes) in drive.verified
    return promised if done else Verification.NONE


def _contradictions(run: Run, drive: Drive, row: Row) -> Iterable[Reason]:
    """Everything that must agree before "Erased" is believed."""
    yield from _damage(run, drive)
    yield from _identity(drive, row)
    yield from _times(run, drive, row)
    if drive.errors or row.flagged:
        yield because("errors-and-success", words=drive.errors[0] if drive.errors else "!")
    if drive.method not in READ_ONLY:
        yield from _sizes(drive)
    yield from _method(run, drive)
    if _is_partition(drive.name):
        yield because("partition-only", words=visible(drive.name, SERIAL_MAX))


def _damage(run: Run, drive: Drive) -> Iterable[Reason]:
    for words in run.damaged[:3]:
        yield because("table-damaged", words=words)
    once = [title for title in ("Error Summary", "Drive Status") if run.tables.count(title) != 1]
    if run.tables.count("Erasure Summary") > 1:
        once.append("Erasure Summary")
    once += [name for name, rows in (("counters", drive.counters), ("row", drive.rows)) if len(rows) != 1]
    if len(drive.erased) != run.tables.count("Erasure Summary"):
        once.append("Erasure Summary")
    for words in once:
        yield because("table-damaged", words=words)
    wanted, done = drive.rounds * drive.passes, len(drive.finished)
    within = all(1 <= r <= drive.rounds and 1 <= p <= drive.passes for r, p in drive.finished)
    if drive.method not in READ_ONLY and (wanted < 1 or done != wanted or not within):
        yield because("passes-differ", wanted=wanted, done=done)
    if not (drive.invoked and drive.ended):
        yield because("table-damaged", words="Finished final round")


def _identity(drive: Drive, row: Row) -> Iterable[Reason]:
    """Three places name the drive. Old versions leave stray bytes behind a serial of 20 characters in the row."""
    found, own = drive.found_serial or "", _serial(drive)
    if found != own:
        yield because("identity-differs", what="S/N", one=visible(found, SERIAL_MAX), other=visible(own, SERIAL_MAX))
    wanted = f"{drive.model[:MODEL_COLUMN]}/{own}"
    if not _is_with_stray(row.name, wanted):
        yield because(
            "identity-differs", what="Model/Serial", one=visible(wanted, MODEL_MAX), other=visible(row.name, MODEL_MAX)
        )


def _times(run: Run, drive: Drive, row: Row) -> Iterable[Reason]:
    yield from _disorder(run)
    if drive.backwards:
        yield because("times-out-of-order", words=drive.backwards)
    if drive.invoked and drive.last and drive.last - drive.invoked != row.duration:
        yield because("times-out-of-order", words=f"{drive.last - drive.invoked} / {row.duration}")
    if run.total and run.closing and run.closing - run.total[0] > CLOSING_SLACK:
        yield because("times-out-of-order", words=f"{run.total[0]} → {run.closing}")


def _disorder(run: Run) -> Iterable[Reason]:
    if run.backwards:
        yield because("times-out-of-order", words=run.backwards)


def _sizes(drive: Drive) -> Iterable[Reason]:
    """Every pass must write the whole drive."""
    sizes = [size for size in (drive.size, *(total for _, total, _ in drive.erased)) if size is not None]
    size = sizes[0] if sizes else (drive.written or [-1])[0]
    done = [*drive.written, *(erased for erased, _, _ in drive.erased), *sizes]
    stages = max(drive.passes, 0) * max(drive.rounds, 0) + drive.blanking + drive.random_end
    if not _is_about(size, drive.stated):
        yield because("size-differs", done=size, size=visible(drive.stated or "-", 20))
    if size <= 0 or len(drive.written) != stages or any(count != size for count in done):
        yield because("size-differs", done=min(done, default=0), size=size)
    elif any(percent != "100.00%" for _, _, percent in drive.erased):
        yield because("size-differs", done=visible(drive.erased[0][2], 20), size=size)


def _is_about(size: int, stated: str) -> bool:
    """Whether bytes are what the first line says in decimal units: the only size that stands in every version."""
    number, _, unit = stated.partition(" ")
    if unit not in _UNITS or not (number.isascii() and number.isdigit() and len(number) <= NUMBER_MAX):
        return False
    return abs(size // _UNITS[unit] - int(number)) <= 1  # versions cut or round


def _method(run: Run, drive: Drive) -> Iterable[Reason]:
    """Options, the drive's own line and the total must tell of the same method, rounds and verification."""
    if run.total is None:
        yield because("table-damaged", words="Total Throughput")
        return
    _, method, rounds, verify = run.total
    if not drive.method == method == run.options.get("method") or method not in (*METHODS, *READ_ONLY):
        yield because("technique-differs", one=visible(drive.method or "", 80), other=visible(method, 80))
    promised = run.options.get("verify", "")
    if verify not in _VERIFY or _VERIFY[verify][0] != promised:
        yield because("technique-differs", one=visible(promised, 80), other=visible(verify, 80))
    if rounds.partition("R")[0] != run.options.get("rounds"):
        yield because("technique-differs", one=run.options.get("rounds", ""), other=visible(rounds, 80))


def _is_partition(name: str) -> bool:
    """sda1, nvme0n1p2, mmcblk0p1, mmcblk0boot0: part of a medium only."""
    if name.startswith(("sd", "hd", "vd", "xvd")):
        return name[-1:].isdigit()
    if name.startswith(("nvme", "mmcblk", "loop", "md")):
        head, p, number = name.rpartition("p")
        return "boot" in name or (bool(p) and number.isdigit() and head[-1:].isdigit())
    return False
