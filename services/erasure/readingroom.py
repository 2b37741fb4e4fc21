"""Where reports from strangers are read: a process apart with bounds on memory and time.

The readers are bounded by bytes, lines and depth (`reports/text.py`), and none is known to be slow; but a drive may
have written what nobody thought of, and a door that reads it would stand still for everybody. What takes too much is
answered like what cannot be read; the next file has a new process: `python -m services.erasure.readingroom`.
"""

import json

from pydantic import TypeAdapter

from services.erasure.reports.read import Report, Unreadable, read
from shared import annex
from shared.annex import Bounds, Died, serve

DATA_MAX = 300 * 1024 * 1024  # bytes the process may have in use
CPU_MAX_S = 2  # of one file: the slowest of a million damaged ones took a quarter of a second
WAIT_MAX_S = 20.0  # the same by the clock, on a machine that is busy
IDLE_MAX_S = 10.0  # then its memory is given back

_REPORT = TypeAdapter(Report)


async def read_apart(content: bytes, filename: str) -> Report:
    """Read a report of any known source, as `reports.read.read` does. Raises Unreadable."""
    room = annex.room("services.erasure.readingroom", time_max_s=WAIT_MAX_S, idle_max_s=IDLE_MAX_S)
    try:
        said = await room.do(json.dumps(filename).encode() + b"\n" + content)
    except Died as felled:
        raise Unreadable(_TOO_MUCH) from felled
    if said.startswith(b"+"):
        return _REPORT.validate_json(said[1:])
    raise Unreadable(json.loads(said[1:]))


_TOO_MUCH = (
    "読むのに時間かメモリがかかりすぎるため、登録しません。道具の出力を、実施1回ごとに分けて取り直してください。"
    " It takes too much time or memory to read and is not filed: take the tool's output again, each run by itself."
)


def _answer(job: bytes) -> bytes:
    """Do one job: "+" and the report, or "-" and why it cannot be read."""
    head, _, content = job.partition(b"\n")
    try:
        return b"+" + _REPORT.dump_json(read(content, json.loads(head)))
    except Unreadable as unreadable:
        return b"-" + json.dumps(str(unreadable)).encode()
    except MemoryError:
        return b"-" + json.dumps(_TOO_MUCH).encode()


if __name__ == "__main__":
    serve(_answer, Bounds(DATA_MAX, CPU_MAX_S))
