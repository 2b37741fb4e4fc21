"""What stands where a serial number should and is none: words of makers who wrote nothing, digits in a row. Pure.

SMBIOS asks for a text and not for a true one (DMTF DSP0134, §7.2): whole series of boards say "Default string". A USB
bridge that cannot ask its drive says as little. Such a text names no computer and no drive; thousands share it.
"""

import re
import unicodedata
from dataclasses import replace

from services.erasure.domain.finding import Finding

PLACEHOLDER_MAX = 64  # characters; what is longer is no word of these

_WORDS = frozenset({
    "baseboardserialnumber", "boardserialnumber", "bsn12345678901234567", "chassisserialnumber",
    "csn12345678901234567", "default", "defaultstring", "empty", "invalid", "mb1234567890",
    "na", "nil", "none", "noserial", "noserialnumber", "notapplicable", "notavailable", "notdefined", "notpresent",
    "notprovided", "notset", "notsettable",
    "notspecified", "null", "oem", "sernum0", "serial", "serialno", "serialnumber", "sn", "ssn12345678901234567",
    "ssn12345678901234567890", "sysserialnumber",
    "systemserial", "systemserialnumber", "tbd", "tobefilled", "tobefilledbyoem", "tobespecified",
    "sys1234567890", "type1systemserialnumber", "type2boardserialnumber", "undefined", "unknown", "unspecified",
})  # fmt: skip
_COUNTED = ("0123456789abcdef", "123456789abcdef", "0123456789" * 6, "1234567890" * 6)
_BRIDGE = "dd56419883"  # JMicron's USB bridges: the number of a dock, not of the drive that is in it today
_ROW_MIN = 7  # characters; a true number may well be "1234"
_SAME_MIN = 5


def is_placeholder(serial: str) -> bool:
    """Tell whether a text in a serial number's place names nothing, whatever its case and its punctuation."""
    if len(serial) > PLACEHOLDER_MAX:
        return False
    plain = re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", serial)).lower()
    if not plain.strip("0") or plain in _WORDS or plain.startswith(_BRIDGE):
        return True
    if len(plain) >= _SAME_MIN and len(set(plain)) == 1:
        return True
    return len(plain) >= _ROW_MIN and any(row.startswith(plain) for row in _COUNTED)


def named(serial: str) -> str:
    """Return a serial number as given, or nothing where it is a placeholder."""
    return "" if is_placeholder(serial) else serial


def without_placeholders(finding: Finding) -> Finding:
    """Return a finding as it may be compared with what is registered: a placeholder there is no serial at all."""
    serial, host = named(finding.serial), named(finding.host_serial)
    if (serial, host) == (finding.serial, finding.host_serial):
        return finding
    return replace(finding, serial=serial, host_serial=host)
