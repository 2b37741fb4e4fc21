"""The stack's generated passwords: made once, kept in the data folder, readable by its owner only."""

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.stack.nats import OPERATOR
from shared.stack.postgres import LOGIN_ROLES, SUPERUSER

PASSWORD_BYTES = 24


@dataclass(frozen=True, slots=True)
class Passwords:
    """Who needs which password."""

    superuser: str
    databases: dict[str, dict[str, str]]  #: service → owner, app, consumer
    nats: dict[str, str]  #: user → password


def keep_passwords(path: Path, services: Sequence[str]) -> Passwords:
    """Read the passwords, draw those that are missing, and write them back before anybody uses them."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    databases, nats = known.get("databases", {}), known.get("nats", {})
    passwords = Passwords(
        superuser=known.get(SUPERUSER) or _draw(),
        databases={s: {role: databases.get(s, {}).get(role) or _draw() for role in LOGIN_ROLES} for s in services},
        nats={user: nats.get(user) or _draw() for user in (*services, OPERATOR)},
    )
    merged = {
        SUPERUSER: passwords.superuser,
        "databases": databases | passwords.databases,
        "nats": nats | passwords.nats,
    }
    if merged != known:
        write_private(path, json.dumps(merged, indent=1))
    return passwords


def write_private(path: Path, text: str) -> None:
    """Replace the file as a whole: a reader sees the old text or the new one, and nobody else reads it."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _draw() -> str:
    return secrets.token_urlsafe(PASSWORD_BYTES)
