"""The command line: `python -m meguru COMMAND`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="めぐる Meguru")

Folder = Annotated[Path, typer.Option(help="データフォルダー / the data folder")]
DATA = Path("data")
DEMO = Path("demo")


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
    """JetStreamのストリームを宣言する / declare the JetStream streams and durables; running it twice changes nothing."""
    from shared.settings import settings

    asyncio.run(
        _declare(settings().nats_url, settings().nats_user, settings().nats_password.get_secret_value(), replicas)
    )


async def _declare(url: str, user: str, password: str, replicas: int) -> None:
    import nats

    from shared import jetstream

    client = await nats.connect(url, user=user, password=password, inbox_prefix=f"_INBOX_{user}".encode())
    try:
        await jetstream.declare(client, replicas=replicas)
    finally:
        await client.close()
