"""`mke2fs` (mkfs.ext4 and its like): a new file system leaves the old content where it was. Not an erasure."""

from services.erasure.reports.inventory import identity, inventory
from services.erasure.reports.report import Report

SOURCE = "mke2fs"

_TITLE = "mke2fs "
_WORDS = ("Creating filesystem with ", "Writing superblocks", "Filesystem UUID:")


def recognises(text: str) -> bool:
    """Whether it begins with the program's name and version, or with what it does first."""
    start = text[:4096].lstrip()
    return start.startswith(_TITLE) or (start.startswith("Creating filesystem with ") and _WORDS[1] in start)


def read(text: str) -> Report:
    """Say that it is a format only."""
    start = text.lstrip()
    version = start.split(" ", 2)[1] if start.startswith(_TITLE) else ""
    return inventory("mke2fs", SOURCE, [identity("mke2fs: quick format only")], version=version)
