"""NATS with JetStream of the one-machine stack: configuration, users and their least rights."""

import json
import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from shared import jetstream
from shared.stack.ports import LOOPBACK, answers
from shared.stack.supervisor import Program

OPERATOR = "operator"  # declares JetStream streams and durables; never a service
PEOPLE_OWNER = "tracking"  # the one service that owns parties and people
FILE_STORE_MAX = 50 * 1024**3  # bytes
MEMORY_SOFT = "48MiB"  # of the Go heap: it collects harder above this, and never fails


def rights(service: str) -> dict[str, dict[str, list[str]]]:
    """Return what one service may publish and subscribe to: its own events, its own durables, its own inbox.

    CONSUMER.CREATE is not among it: a durable that is missing would be made silently with default settings.
    """
    publish = [
        f"custody.*.{service}.>",
        f"notice.*.{service}.>",
        f"parked.{service}.>",
        f"replay.{service}.>",
        f"_INBOX_{service}.>",
        "$JS.API.INFO",
        "$JS.API.STREAM.INFO.*",
    ]
    for durable in jetstream.of(service):
        place = f"{durable.stream}.{durable.name}"
        publish += [f"$JS.API.CONSUMER.MSG.NEXT.{place}", f"$JS.API.CONSUMER.INFO.{place}", f"$JS.ACK.{place}.>"]
    if service == PEOPLE_OWNER:
        publish.append("people.>")
    return {"publish": {"allow": publish}, "subscribe": {"allow": [f"_INBOX_{service}.>"]}}


def configuration(store: Path, port: int, monitoring_port: int, passwords: Mapping[str, str]) -> str:
    """Return the server's configuration; NATS reads JSON as it is."""
    users = [
        {"user": user, "password": password} | ({} if user == OPERATOR else {"permissions": rights(user)})
        for user, password in passwords.items()
    ]
    return json.dumps(
        {
            "server_name": "meguru",
            "host": LOOPBACK,
            "port": port,
            "http": f"{LOOPBACK}:{monitoring_port}",
            "jetstream": {
                "store_dir": str(store),
                "sync_interval": "always",  # without it a power loss takes everything
                "max_memory_store": 256 * 1024**2,
                "max_file_store": FILE_STORE_MAX,
            },
            "authorization": {"users": users},
        },
        indent=1,
    )


class Nats:
    """One server with its files in `folder`."""

    def __init__(self, folder: Path, port: int, monitoring_port: int, passwords: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = port
        self.monitoring_port = monitoring_port
        self._passwords = passwords

    @property
    def url(self) -> str:
        """Where clients connect; users and passwords go apart."""
        return f"nats://{LOOPBACK}:{self.port}"

    def program(self) -> Program:
        """Write the configuration and return what the supervisor runs."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / "nats.conf"
        path.touch(mode=0o600)
        path.write_text(
            configuration(self.folder / "store", self.port, self.monitoring_port, self._passwords), encoding="utf-8"
        )
        server = Path(sysconfig.get_path("scripts")) / "nats-server"
        return Program(
            name="nats",
            command=(str(server), "--config", str(path)),
            ready=self.is_ready,
            folder=self.folder,
            environment={
                "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                "HOME": str(self.folder),
                "GOMEMLIMIT": MEMORY_SOFT,
            },
        )

    async def is_ready(self) -> bool:
        """Tell whether the server is up and JetStream has recovered its streams."""
        return await answers(self.monitoring_port, "/healthz")
