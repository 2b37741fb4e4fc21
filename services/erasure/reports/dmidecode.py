"""`dmidecode`: the computer's own serial. An asset tag that looks like a drive's serial is not one."""

from services.erasure.domain.finding import Finding
from services.erasure.reports.inventory import identity, inventory
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import host_of, lines_of

SOURCE = "dmidecode"

_TITLE = "# dmidecode "
_SECTION = "System Information"  # DMTF DSP0134 (SMBIOS) §7.2, type 1


def recognises(text: str) -> bool:
    """Whether it begins with dmidecode's own comment."""
    return text[:64].lstrip().startswith(_TITLE)


def read(text: str) -> Report:
    """Read the system's serial. Raises Unreadable when no table of SMBIOS stands there."""
    version = text.lstrip().partition("\n")[0].removeprefix(_TITLE).strip()
    return inventory("dmidecode", SOURCE, [of_text(text)], version=version)


def of_text(text: str) -> Finding:
    """Read the table; other tools carry it inside theirs. Raises Unreadable as `read` does."""
    lines = lines_of(text)
    if not any(line.startswith("Handle 0x") for line in lines):
        raise Unreadable("dmidecode の出力に表がありません。管理者権限で取り直して登録してください。")
    return identity("dmidecode", host_serial=_serial(lines))


def _serial(lines: list[str]) -> str:
    inside = False
    for line in lines:
        if not line.startswith(("\t", " ")):
            inside = line == _SECTION
        elif inside and line.startswith("\tSerial Number:"):
            return host_of(line.partition(":")[2])
    return ""
