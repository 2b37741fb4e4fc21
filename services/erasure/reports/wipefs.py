"""`wipefs`: removes the few bytes by which a file system is known. "2 bytes were erased" is no erasure of a medium."""

from services.erasure.reports.inventory import identity, inventory
from services.erasure.reports.report import Report
from services.erasure.reports.text import lines_of

SOURCE = "wipefs"

_ERASED = " were erased at offset 0x"


def recognises(text: str) -> bool:
    """Whether the first line says which bytes went where, or is an error of wipefs."""
    first = text[:4096].lstrip().partition("\n")[0]
    return (first.startswith("/dev/") and _ERASED in first) or first.startswith("wipefs: ")


def read(text: str) -> Report:
    """Read the devices, each once."""
    devices = [line.partition(": ")[0] for line in lines_of(text) if line.startswith("/dev/") and _ERASED in line]
    found = [identity("wipefs: signature only", device=device) for device in dict.fromkeys(devices)]
    return inventory("wipefs", SOURCE, found or [identity(text.strip().partition("\n")[0])])
