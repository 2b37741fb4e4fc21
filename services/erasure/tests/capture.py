"""Builds session documents out of the sample files, as the capture on site would write them."""

import json
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


def frame(*documents: tuple[str, str], **changed: Any) -> dict[str, Any]:
    """A session of one drive; a document is its role and the name of a sample (or "" for a silent command)."""
    return {
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


def session(*documents: tuple[str, str], **changed: Any) -> bytes:
    return json.dumps(frame(*documents, **changed), ensure_ascii=False, indent=1).encode()


HDD = {"serial": "W7K04182", "model": "HAYABUSA HB5000LM-23"}
SSD = {"serial": "00012E34", "model": "KAWASEMI S2 240GB"}
