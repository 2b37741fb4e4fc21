"""`nvme id-ctrl`, JSON and console text: who the drive is, what it could do; never what was done to it.

SANICAP bit 0 says that the controller has the crypto erase sanitize, FNA bit 2 that a format can erase by the key (NVM
Express Base Specification 2.0, figure 275): either is for all user data, which the drive then always enciphers.
"""

from typing import Any

from services.erasure.domain.technique import Encryption, MediumKind
from services.erasure.reports.inventory import identity, inventory
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import PADDING, json_of, lines_of

SOURCE = "nvme-id-ctrl"

_TITLE = "NVME Identify Controller:"
_FIELDS = ("sn", "mn", "sanicap", "fna")
_CRYPTO = {"sanicap": 1 << 0, "fna": 1 << 2}


def recognises(text: str) -> bool:
    """Whether it is a flat object with the field names of Identify Controller, or begins with the console's title."""
    head = text[:4096].lstrip()
    if head.startswith(_TITLE):
        return True
    return head.startswith("{") and all(f'"{name}"' in head for name in ("vid", "sn", "mn", "fr"))


def read(text: str) -> Report:
    """Read serial and model, padded with spaces by the drive. Raises Unreadable without them."""
    document = _from_console(text) if text.lstrip().startswith(_TITLE) else json_of(text)
    serial, model = document.get("sn"), document.get("mn")
    if not isinstance(serial, str) or not isinstance(model, str) or not serial.strip():
        raise Unreadable(
            "nvme id-ctrl の製造番号（sn）と型番（mn）がありません。"
            "`nvme id-ctrl -o json /dev/nvmeX` の出力をそのまま保存して登録し直してください。"
        )
    kind, encryption = MediumKind.NVME, _encryption(document)
    found = identity("Identify Controller", serial=serial, model=model, kind=kind, encryption=encryption)
    return inventory("nvme-cli", SOURCE, [found])


def _encryption(document: dict[str, Any]) -> Encryption:
    """Take both fields together; where one is missing (older versions) only what is offered counts."""
    said = {name: _number(document.get(name)) for name in _CRYPTO}
    if any(value is not None and value & _CRYPTO[name] for name, value in said.items()):
        return Encryption.ALWAYS
    return Encryption.UNKNOWN if None in said.values() else Encryption.ABSENT


def _number(value: Any) -> int | None:
    """Take a number of the JSON, or the console's digits, which are decimal or hexadecimal by version."""
    if isinstance(value, str):
        try:
            return int(value[:12], 16 if value.startswith("0x") else 10)
        except ValueError:
            return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _from_console(text: str) -> dict[str, str]:
    """Take `sn        : 000E12   `; the first one counts, the drive's own text stands behind the colon only."""
    fields: dict[str, str] = {}
    for line in lines_of(text):
        name, colon, value = line.partition(":")
        if colon and name.strip() in _FIELDS and name.startswith(name.strip()):
            fields.setdefault(name.strip(), value.strip(PADDING))
    return fields
