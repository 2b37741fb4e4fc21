"""Where certificates from strangers are checked: a process apart with bounds on memory and time.

A PDF may be made to unpack to gigabytes or to send a parser round in circles. What takes too much is answered like what
cannot be read; the next file has a new process. The doors themselves never load a PDF parser: `python -m
services.certificates.examination` is that process.
"""

import json
import logging

from pydantic import TypeAdapter

from shared import annex
from shared.annex import Bounds, Died, serve
from verifier.verdict import Unreadable, Verdict

DATA_MAX = 300 * 1024 * 1024  # bytes the process may have in use
CPU_MAX_S = 1  # of one file: a certificate takes a thirtieth of it
WAIT_MAX_S = 20.0  # the same by the clock, on a machine that is busy
IDLE_MAX_S = 10.0  # then its memory is given back

_VERDICT = TypeAdapter(Verdict)


async def examine(name: str, content: bytes, keys: str) -> Verdict:
    """Check a PDF, a credential or a log proof with the keys of a key file. Raises Unreadable."""
    room = annex.room("services.certificates.examination", time_max_s=WAIT_MAX_S, idle_max_s=IDLE_MAX_S)
    try:
        said = await room.do(json.dumps([name, keys]).encode() + b"\n" + content)
    except Died as felled:
        raise _TOO_MUCH from felled
    if said.startswith(b"+"):
        return _VERDICT.validate_json(said[1:])
    raise Unreadable(*json.loads(said[1:]))


_TOO_MUCH = Unreadable(
    "開くのに時間かメモリがかかりすぎるため、調べません。めぐるの証明書は小さなファイルです。",
    "It takes too much time or memory to open and is not checked: our certificates are small files.",
)


def _answer(job: bytes) -> bytes:
    """Do one job: "+" and the verdict, or "-" and why it cannot be read, in Japanese and in English."""
    from verifier.keys import Keys
    from verifier.verification import verify_bytes

    head, _, content = job.partition(b"\n")
    name, keys = json.loads(head)
    try:
        return b"+" + _VERDICT.dump_json(verify_bytes(name, content, Keys.parse(keys)))
    except Unreadable as unreadable:
        return b"-" + json.dumps([unreadable.ja, unreadable.en]).encode()
    except MemoryError:
        return b"-" + json.dumps([_TOO_MUCH.ja, _TOO_MUCH.en]).encode()


if __name__ == "__main__":
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)  # of a stamp by an authority whose chain we do not have
    serve(_answer, Bounds(DATA_MAX, CPU_MAX_S))
