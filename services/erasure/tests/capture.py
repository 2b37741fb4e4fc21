"""Builds session documents out of the sample files, as the capture on site would write them."""

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


def frame(*documents: tuple[str, str], **changed: Any) -> dict[str, Any]:
    """A session of one drive; a document is its role and the name of a sample (or "" for a silent command).

    Its seconds are those between its start and its end, unless they are given, or None to leave them out.
    """
    whole = {
        "meguru-session": 1,
        "serial": "S64DNX0R900417",
        "model": "KAWASEMI PM9 256GB",
        "host_serial": "PC-0418",
        "started": "2026-04-08T10:00:00+09:00",
        "finished": "2026-04-08T10:03:00+09:00",
        "documents": [
            {"role": role, "filename": name or "nvme-sanitize.txt", "content": sample(name) if name else ""}
            for role, name in documents
        ],
    } | changed
    if "elapsed" not in changed:
        with suppress(TypeError, ValueError):
            times = [datetime.fromisoformat(str(whole[name])) for name in ("started", "finished")]
            whole["elapsed"] = max(0, int((times[1] - times[0]).total_seconds()))
    return {name: value for name, value in whole.items() if (name, value) != ("elapsed", None)}


def session(*documents: tuple[str, str], **changed: Any) -> bytes:
    return json.dumps(frame(*documents, **changed), ensure_ascii=False, indent=1).encode()


HDD = {"serial": "W7K04182", "model": "HAYABUSA HB5000LM-23"}
SSD = {"serial": "00012E34", "model": "KAWASEMI S2 240GB"}
