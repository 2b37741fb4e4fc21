"""eReuse Workbench snapshots: 11 and 12 (components with actions) and workbench-script (tools' output as strings).

Binds drives to the computer. "EraseSectors" with severity Info is what the program says of itself, without serial of
the job, sizes or what was read back: a claim. `erase: []` says nothing.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import MediumKind, Outcome, Technique
from services.erasure.reports import dmidecode, lshw, smartctl
from services.erasure.reports.inventory import identity, inventory
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import WORDS_MAX, host_of, json_of, json_value, said, visible

SOURCE = "workbench"

_KINDS = {"HardDrive": MediumKind.HDD, "SolidStateDrive": MediumKind.SSD}
_ERASURES = ("EraseBasic", "EraseSectors", "ErasePhysical")
_TIME_MAX = 40  # characters


def recognises(text: str) -> bool:
    """Whether the object calls itself a snapshot of one of the two programs."""
    named = '"Workbench"' in text or '"workbench-script"' in text
    return text[:64].lstrip().startswith("{") and named and '"Snapshot"' in text


def read(text: str) -> Report:
    """Read the drives and the computer's serial. Raises Unreadable when there is neither."""
    document = json_of(text)
    data = document.get("data")
    found = list(_from_script(document, data) if isinstance(data, dict) else _from_components(document))
    return inventory("workbench", SOURCE, found, version=said(document, "version"))


def _from_components(document: dict[str, Any]) -> Iterator[Finding]:
    computer, components = document.get("device"), document.get("components")
    host = host_of(said(computer, "serialNumber")) if isinstance(computer, dict) else ""
    drives = [one for one in components if isinstance(one, dict)] if isinstance(components, list) else []
    drives = [one for one in drives if said(one, "type") in _KINDS]
    for drive in drives:
        found = identity(
            "Workbench",
            serial=said(drive, "serialNumber"),
            model=said(drive, "model"),
            host_serial=host,
            kind=_KINDS[said(drive, "type")],
        )
        yield from _erased(found, drive.get("actions"))
    if not drives and host:
        yield identity("Workbench", host_serial=host)


def _erased(found: Finding, actions: Any) -> Iterator[Finding]:
    """Give a finding for each erasure among a drive's actions, or the drive alone where there is none."""
    erasures = [one for one in actions if isinstance(one, dict)] if isinstance(actions, list) else []
    erasures = [one for one in erasures if said(one, "type") in _ERASURES]
    if not erasures:
        yield found
    for erasure in erasures:
        steps = erasure.get("steps")
        steps = [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
        well = all(said(one, "severity") == "Info" for one in (erasure, *steps))
        yield replace(
            found,
            technique=Technique.OVERWRITE,
            outcome=Outcome.CLAIMED if well else Outcome.FAILED,
            words=visible(f"{said(erasure, 'type')}, severity {said(erasure, 'severity')}", WORDS_MAX),
            started=_time(erasure, "startTime"),
            finished=_time(erasure, "endTime"),
            passes=len(steps) or None,
        )


def _time(holder: dict[str, Any], name: str) -> datetime | None:
    try:
        return datetime.fromisoformat(said(holder, name)[:_TIME_MAX])
    except ValueError:
        return None


def _from_script(document: dict[str, Any], data: dict[str, Any]) -> Iterator[Finding]:
    """Read the JSON strings inside; a drive that did not answer smartctl is passed over."""
    host = dmidecode.of_text(said(data, "dmidecode")).host_serial if said(data, "dmidecode") else ""
    drives = [drive for drive in _smart(data) if drive.serial]
    if not drives and said(data, "lshw"):
        drives = lshw.of_document(json_value(said(data, "lshw")))
    for drive in drives:
        yield replace(drive, host_serial=host or drive.host_serial)
    if not drives and host:
        yield identity("workbench-script", host_serial=host)
    if document.get("erase"):
        words = "workbench-script: erase"
        yield Finding(technique=Technique.UNKNOWN, outcome=Outcome.CLAIMED, words=words, host_serial=host)


def _smart(data: dict[str, Any]) -> Iterator[Finding]:
    documents = json_value(said(data, "smartctl")) if said(data, "smartctl") else []
    for document in documents if isinstance(documents, list) else [documents]:
        if not isinstance(document, dict):
            raise Unreadable(
                "Workbench の smartctl の部分が壊れています。スナップショットをそのまま保存して登録し直してください。"
            )
        if said(document, "serial_number"):
            yield smartctl.of_document(document).findings[0]
