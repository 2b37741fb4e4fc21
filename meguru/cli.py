"""The command line: `python -m meguru COMMAND`."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer
from typer.core import TyperCommand

from meguru import keys

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="めぐる Meguru")
app.add_typer(keys.app, name="keys")

Folder = Annotated[Path, typer.Option(help="データフォルダー / the data folder")]
DATA = Path("data")
DEMO = Path("demo")
CONNECT_ATTEMPTS_MAX = 5  # 2 s apart; who calls tries again


@app.command()
def demo(folder: Folder = DEMO) -> None:
    """実証実験を最初から最後まで再現し、結果を確かめて終わる / replay the pilot, verify it, stop."""
    from meguru.demo import run_demo

    raise typer.Exit(asyncio.run(run_demo(folder)))


@app.command()
def run(folder: Folder = DATA) -> None:
    """再現したデータとともに動かし続ける / keep the stack running with the replayed data."""
    from meguru.running import run_stack

    run_stack(folder)


@app.command()
def migrate() -> None:
    """MEGURU_SERVICE のデータベースを最新にする / migrate the database of MEGURU_SERVICE."""
    from shared.migration import migrate as bring_up
    from shared.settings import settings

    bring_up(settings())


@app.command()
def streams(replicas: Annotated[int, typer.Option(min=1, max=5, envvar="MEGURU_REPLICAS")] = 1) -> None:
    """JetStreamのストリームを宣言する / declare the JetStream streams and durables; twice changes nothing."""
    from shared.settings import BusSettings

    bus = BusSettings()
    password = bus.nats_password.get_secret_value()
    given = {"MEGURU_NATS_USER": bus.nats_user, "MEGURU_NATS_PASSWORD": password}
    if missing := [name for name, value in given.items() if not value]:
        typer.echo(
            f"{'、'.join(missing)} がありません。ストリームを宣言してよい利用者のものを設定してください。"
            f" Set {' and '.join(missing)} of the user who may declare streams.",
            err=True,
        )
        raise typer.Exit(2)
    asyncio.run(_declare(bus.nats_url, bus.nats_user, password, replicas))


async def _declare(url: str, user: str, password: str, replicas: int) -> None:
    import nats
    from nats.errors import Error

    from shared import jetstream

    inbox = f"_INBOX_{user}".encode()
    try:
        client = await nats.connect(
            url, user=user, password=password, inbox_prefix=inbox, max_reconnect_attempts=CONNECT_ATTEMPTS_MAX
        )
        try:
            await jetstream.declare(client, replicas=replicas)
        finally:
            await client.close()
    except (Error, OSError, jetstream.Drift) as wrong:
        typer.echo(
            f"{url} に宣言できません（{wrong}）。NATSが動いているか、利用者に権限があるかを確かめてください。"
            f" Not declared at {url}: {wrong}. Check that NATS runs and that the user may.",
            err=True,
        )
        raise typer.Exit(2) from wrong


AsJson = Annotated[bool, typer.Option("--json", help="機械向けに出力 / machine-readable")]


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="PDF、JSON、.tlog-proof / certificates")],
    key: Annotated[Path, typer.Option(help="鍵の一覧 key.txt / the key file")],
    photo: Annotated[list[Path] | None, typer.Option(help="写真の原本 / an original photo")] = None,
    revoked: Annotated[Path | None, typer.Option(help="取り消しの一覧 revoked.json / list of revocations")] = None,
    into: Annotated[Path | None, typer.Option(help="正しい束をここに保管する / keep a true bundle here")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """証明書を確かめる。サーバーは要らない / verify certificates; 0 true, 1 something false, 2 unreadable."""
    from verifier.__main__ import main as verify_files

    photos = [part for path in photo or () for part in ("--photo", str(path))]
    known = ["--revoked", str(revoked)] if revoked else []
    known += ["--into", str(into)] if into else []
    given = [*(str(file) for file in files), "--key", str(key), *photos, *known, *(["--json"] if as_json else [])]
    raise typer.Exit(verify_files(given, sys.stdout))


class _Grade(TyperCommand):
    """Lets `--before` take several files, as its positional neighbour does."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each file that follows it, once files to grade were given."""
        spread: list[str] = []
        taking = False
        for number, arg in enumerate(args):
            if arg.startswith("-"):
                taking = arg == "--before" and any(not one.startswith("-") for one in args[:number])
            elif taking and spread[-1] != "--before":
                spread.append("--before")
            spread.append(arg)
        return super().parse_args(ctx, spread)


@app.command(cls=_Grade)
def grade(
    files: Annotated[list[Path], typer.Argument(help="道具の報告 / reports of erasure tools")],
    before: Annotated[
        list[Path] | None, typer.Option(help="作業前に取った同じ道具の報告 / what the same tool said before the job")
    ] = None,
    lang: Annotated[Literal["ja", "en"] | None, typer.Option(help="理由の言語 / language of the reasons")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """報告を読み、ドライブごとに判定する。サーバーは要らない / read and grade reports, without a server.

    0 = すべて証明（grade・bound・fresh） / every drive is proved; 1 = そうでないものがある / some drive is not;
    2 = 読めないファイルがある / some file cannot be read.
    """
    from meguru.grading import grade_files, user_language

    raise typer.Exit(grade_files(files, before or (), as_json=as_json, language=lang or user_language()))


@app.command()
def recompute(
    file: Annotated[
        Path, typer.Argument(help="再確認の一覧か、割り当ての記録（JSON） / the list of a re-check, the log of a call")
    ],
    log: Annotated[
        Path | None, typer.Option(help="書き出しのフォルダー。一覧を信じず、ログから計算する / an export, to draw from")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="信じるログの鍵 key.txt / whose log is believed")] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="割り当ての記録を機械に読める形で / a call's log, for machines")
    ] = False,
) -> None:
    """再確認の抽選、公募の割り当てを計算し直す。サーバーは要らない / draw or allocate again, without a server.

    --log を付けると、署名されたログの記録だけから計算し、一覧と比べる / with --log from the signed log's entries alone.
    0 = 一致 / the same; 1 = 違う / different; 2 = 読めない / unreadable
    """
    from meguru.allocations import recompute_file
    from meguru.exported import KEYS, NoExport, log_keys

    try:
        keys = log_keys(key or Path(log or "") / KEYS) if key or log else None
    except NoExport as absent:
        typer.echo(str(absent), err=True)
        raise typer.Exit(2) from absent
    if verdict := recompute_file(file, keys):
        typer.echo(json.dumps(verdict.facts) if as_json else verdict.sentence, err=bool(verdict.code) and not as_json)
        raise typer.Exit(verdict.code)
    from meguru.recomputing import SAME
    from meguru.recomputing import recompute as draw_again

    code, sentence = draw_again(file, log, key)
    typer.echo(sentence, err=code != SAME)
    raise typer.Exit(code)


@app.command()
def regrade(folder: Folder = DATA) -> None:
    """新しい評価表で、保存した報告をもう一度評価する / grade kept reports again by today's table of grades.

    水準が変わるところだけ、古い評価の隣に新しい評価を記録する / a new entry beside the old where the level differs.
    0 = すべて評価できた / all were graded; 1 = 読めない、または人の確認が要る報告がある / some need a person.
    """
    from meguru.regrade import regrade_folder

    _finish(regrade_folder(folder))


@app.command()
def audit(
    folder: Folder = DATA,
    checkpoint: Annotated[
        Path | None, typer.Option(help="手元にあるログの先頭 / a head of the log that you have")
    ] = None,
    export: Annotated[
        Path | None, typer.Option(help="書き出したフォルダーだけを調べる / only a folder that was exported")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="公開されたログの鍵 / the log's key as published")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """台帳とログを突き合わせる / check every ledger against the log; 0 clean, 1 findings.

    --export: サーバーなしで、書き出したファイルだけを調べる / examines exported files alone, without a server.
    """
    if export is None:
        from meguru.audit import audit_folder

        _finish(audit_folder(folder, as_json=as_json, checkpoint=checkpoint))
    from meguru.exported import audit_export

    _finish(asyncio.to_thread(audit_export, export, key=key, checkpoint=checkpoint, as_json=as_json))


@app.command("export")
def leave(into: Path, folder: Folder = DATA) -> None:
    """ログ、全記録、証明書をファイルに書き出す / write log, entries and certificates as files into a new folder."""
    from meguru.export import export_folder

    _finish(export_folder(folder, into))


@app.command()
def rebuild(
    folder: Folder = DATA,
    service: Annotated[str | None, typer.Option(help="ひとつだけ / only this service")] = None,
    *,
    compare: Annotated[bool, typer.Option("--compare", help="比べるだけ / only compare, change nothing")] = False,
) -> None:
    """表を台帳から作り直す / fill the views again from the ledgers, or compare them; 0 equal, 1 different."""
    from meguru.rebuild import rebuild_folder

    _finish(rebuild_folder(folder, service, only_compare=compare))


@app.command()
def republish(
    service: Annotated[str, typer.Option(help="送る先 / the service that is to hear it")],
    since: Annotated[str, typer.Option("--from", help="2026-11-24 または/or 2026-11-24T09:00:00+09:00")] = "",
    folder: Folder = DATA,
) -> None:
    """台帳の記録を、あるサービスへもう一度送る / publish what the ledgers hold again, to one service."""
    from meguru.republish import republish_folder

    _finish(republish_folder(folder, service, since))


@app.command()
def parked(
    folder: Folder = DATA,
    replay: Annotated[list[str] | None, typer.Option(help="この番号をもう一度送る / send this id again")] = None,
    *,
    replay_all: Annotated[bool, typer.Option("--all", help="すべてもう一度送る / send all again")] = False,
    as_json: AsJson = False,
) -> None:
    """受け取れずに置かれた知らせを見る、送り直す / list parked messages, or send them again."""
    from meguru.republish import parked_in_folder

    _finish(parked_in_folder(folder, replay or (), replay_all=replay_all, as_json=as_json))


@app.command()
def bounces(
    files: Annotated[list[Path] | None, typer.Argument(help="返ってきたメール。なければ標準入力 / else stdin")] = None,
    folder: Annotated[Path | None, typer.Option(help="データフォルダー / the data folder, else MEGURU_…")] = None,
) -> None:
    """届かずに返ってきたメール（RFC 3464）を手紙と結び付ける / tie mail that came back to its letter.

    0 = すべて結び付いた / all were; 1 = 結び付かないものがある / some were not; 75 = あとで / try again later.
    標準入力では、結び付かなくても0 / from standard input 0 in any case: a refused bounce would bounce.
    """
    from meguru.bounces import take_bounces

    _finish(take_bounces(files or (), folder))


@app.command()
def simulate(
    into: Annotated[
        Path | None, typer.Option(help="ファイルに書く新しいフォルダー / write files into a new folder")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="動いているスタックのデータフォルダー / data folder of a running stack")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=1_000_000, help="台数 / how many drives")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="同じ種は同じ台数の同じ世界 / the same seed, the same world")] = 1,
) -> None:
    """【模擬】実在しない機器と報告を作る / make a fleet that never was, marked as simulated wherever it shows.

    --into: ファイルとして / as files. --folder: 動いているスタックへ / through the doors of a stack that runs.
    """
    from meguru.simulator.command import simulate_fleet

    if (into is None) == (folder is None):
        raise typer.BadParameter("--into か --folder のどちらかを指定してください。 Give --into or --folder.")
    _finish(simulate_fleet(into, folder, count, seed))


@app.command()
def backup(file: Path, folder: Folder = DATA) -> None:
    """データベース、写真と報告、鍵をひとつのファイルに取る / write databases, blobs and keys into one file."""
    from meguru.backup import backup_folder

    _finish(backup_folder(folder, file))


@app.command()
def restore(file: Path, folder: Folder = DATA) -> None:
    """バックアップを空のフォルダーに戻し、確かめる / restore a backup into an empty folder and audit it."""
    from meguru.backup import restore_folder

    _finish(restore_folder(file, folder))


@app.command()
def witness(  # noqa: PLR0917 - typer's way to name what is typed
    name: Annotated[str, typer.Argument(help="立会者の名前 / the witness's name, e.g. mogami.example/witness")],
    log_key: Annotated[Path, typer.Option(help="台帳の公開鍵 log.vkey / the log's public key")],
    state: Annotated[Path, typer.Option(help="鍵と、見た先頭を置く場所 / where key and heads are kept")],
    follow: Annotated[str, typer.Option(help="台帳のアドレス。取りに行く / the log's address to fetch from")] = "",
    port: Annotated[int, typer.Option(help="待ち受けるポート / the port to listen on, on loopback")] = 0,
    every: Annotated[float, typer.Option(min=1.0, help="秒 / seconds between two looks")] = 60.0,
    authority: Annotated[Path | None, typer.Option(help="台帳のTLSの証明書 / whom to trust for the log's TLS")] = None,
) -> None:
    """台帳の先頭に連署する / cosign the log's heads (C2SP tlog-witness): by fetching, or listening."""
    from meguru.feeder import opened, run_witness

    if not follow and not port:
        typer.echo("--follow か --port を指定してください。 Give --follow, --port or both.", err=True)
        raise typer.Exit(2)
    try:
        witness = opened(name, log_key, state)
    except (OSError, ValueError) as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(2) from wrong
    typer.echo(f"台帳の運用者に渡す鍵 / the key to give to the log's operator:\n{witness.vkey}")
    run_witness(witness, follow, port, every, authority)


@app.command()
def doctor(folder: Folder = DATA, *, as_json: AsJson = False) -> None:
    """設定、版、足りないものと、どうすればよいか / settings, versions, what is missing and what to do."""
    from meguru.doctor import report

    raise typer.Exit(report(folder, as_json=as_json))


def _finish(work: Coroutine[Any, Any, int]) -> NoReturn:
    """Run a command to its exit code; what a person can put right is a sentence and 2."""
    from meguru.backup import BadBackup
    from meguru.export import Incomplete
    from meguru.exported import NoExport
    from meguru.heads import BadHead
    from meguru.rebuild import NotCaughtUp
    from meguru.replay.actor import Unexpected
    from meguru.standing import NoStack
    from shared.stack.postgres import BadCluster
    from shared.stack.stack import StackInUse
    from shared.stack.supervisor import DidNotStart

    try:
        code = asyncio.run(work)
    except (
        NoStack,
        BadBackup,
        BadHead,
        Incomplete,
        NoExport,
        NotCaughtUp,
        BadCluster,
        DidNotStart,
        StackInUse,
        Unexpected,
        OSError,
    ) as wrong:
        typer.echo(str(wrong), err=True)
        raise typer.Exit(2) from wrong
    raise typer.Exit(code)


@app.command()
def contracts(
    samples: Annotated[
        Path | None, typer.Option(help="events.jsonl から見本を取る / keep samples from an events.jsonl")
    ] = None,
) -> None:
    """契約の文書を書き直す / write contracts/ again from the code; a sample is kept for ever."""
    import os

    os.environ.setdefault("MEGURU_SERVICE", "tracking")
    from meguru import contracts as documents

    documents.write()
    for kept in documents.keep_samples(samples) if samples else []:
        typer.echo(kept)
