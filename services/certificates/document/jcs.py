"""Canonical JSON (RFC 8785), for documents made of objects, lists, strings, whole numbers, truth values and null."""

import json
from collections.abc import Mapping
from typing import Any

INTEGER_MAX = 2**53 - 1  # RFC 8785 §3.2.2.3 and I-JSON: beyond it readers disagree


def canonical(value: Any) -> bytes:
    """Return the one spelling of a value. Raises ValueError for what has none here: fractions, huge numbers."""
    return _write(value).encode()


def _write(value: Any) -> str:
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))  # §3.2.3: by UTF-16 code units
        return "{" + ",".join(f"{_write(key)}:{_write(value[key])}" for key in keys) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_write, value)) + "]"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > INTEGER_MAX):
        raise ValueError(f"{value} has no safe canonical spelling; write it as a string")
    return json.dumps(value, ensure_ascii=False)
