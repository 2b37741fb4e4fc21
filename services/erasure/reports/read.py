"""The one way in: which source wrote these bytes, and what its reader says."""

from types import ModuleType

from services.erasure.reports import (
    hdparm,
    homemade,
    nvme_identify,
    nvme_reply,
    nvme_sanitize,
    nwipe,
    session,
    smartctl,
)
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import decode

__all__ = ["Report", "Unreadable", "read"]

# A session first: it holds the others. Then by how much a source gives itself away.
_READERS: tuple[ModuleType, ...] = (
    session,
    nvme_sanitize,
    nvme_identify,
    smartctl,
    nwipe,
    hdparm,
    nvme_reply,
    homemade,
)


def read(content: bytes, filename: str) -> Report:
    """Read a report of any known source. The name serves the message only: what the file is, its bytes say.

    Raises Unreadable with a sentence for the person who dropped the file.
    """
    text = decode(content)
    for reader in _READERS:
        if reader.recognises(text):
            report: Report = reader.read(text)
            return report
    raise Unreadable(
        f"「{filename[:80]}」は対応する消去報告ではありません。対応: nvme sanitize-log／id-ctrl、hdparm、nwipe のログ、"
        "smartctl -j、作業記録（meguru-session）。道具の出力をそのままの形で登録してください。"
    )
