"""The folder of keys: a file in it is replaced as a whole, and changed by one process at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Replace a file as a whole, on disk when this returns: a reader, and a crash, see the old one or the new one.

    Raises OSError.
    """
    draft, folder = path.with_name(f".{path.name}.new"), path.parent
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        owner = folder.stat()
        if os.geteuid() == 0:  # an administrator's command must not take the file from the service
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def edition(path: Path) -> tuple[int, int] | None:
    """Return what changes when the file is replaced, without reading it; None when it is not there."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Change files of the folder alone: a service that starts and an operator's command would lose each other's line.

    Raises OSError.
    """
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)
