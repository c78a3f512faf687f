"""The guide's WebSocket test: `python -m loadtests.profiles.websocket --connections 500 --duration 300`.

It runs the scenario `websocket` of the plan with that many connections for that many seconds; what must hold is what
the plan says. Exit codes are those of `loadtests run`.
"""

from pathlib import Path

import click

from loadtests.cli import main
from loadtests.cli.run import command as run

__all__ = ["command"]

_SCENARIO = "websocket"
_SPAWN_RATE = 100
_WARMUP_S = 10
_EARLY_PART = 4
"""Spawning and warm-up take at most this part of a short test."""


@click.command()
@click.option("--connections", type=click.IntRange(1), default=500, show_default=True, help="Connections to hold.")
@click.option("--duration", type=click.FloatRange(1), default=300, show_default=True, help="Seconds to hold them.")
@click.option("--url", help="Where to connect.  [default: the plan's target.websocket]")
@click.option("--embedded", is_flag=True, help="Start the embedded reference backend and load that.")
@click.option(
    "--target-option", "target_options", multiple=True, metavar="OPTION", help="With --embedded, as in loadtests run."
)
@click.option(
    "-f",
    "--file",
    "file",
    type=click.Path(path_type=Path),
    default=Path("scenarios.yaml"),
    show_default=True,
    help="The plan file.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The run directory to make.")
@click.option("--strict", is_flag=True, help="Exit 4 when the verdict is inconclusive.")
@click.pass_context
def command(
    context: click.Context,
    *,
    connections: int,
    duration: float,
    url: str | None,
    embedded: bool,
    target_options: tuple[str, ...],
    file: Path,
    output: Path | None,
    strict: bool,
) -> None:
    """Hold WebSocket connections and send a message a second on each; the guide's limits decide."""
    load = f"scenarios.{_SCENARIO}.load"
    spawn_rate = max(_SPAWN_RATE, connections * _EARLY_PART / duration)
    overrides = [
        f"{load}.connections={connections}",
        f"{load}.spawn_rate={spawn_rate:g}/s",
        f"{load}.rate={connections}/s",
        f"{load}.duration={duration:g}s",
        f"scenarios.{_SCENARIO}.warmup={min(_WARMUP_S, duration / _EARLY_PART):g}s",
        *([] if url is None else [f"target.websocket={url}"]),
    ]
    context.invoke(
        run,
        names=(_SCENARIO,),
        file=file,
        output=output,
        embedded=embedded,
        target_options=target_options,
        overrides=tuple(overrides),
        processes=1,
        strict=strict,
    )


if __name__ == "__main__":
    main(command)
