"""The guide's WebSocket test: `python -m loadtests.profiles.websocket --connections 500 --duration 300`.

It runs the scenario `websocket` of the plan with that many connections for that many seconds; what must hold is what
the plan says. Exit codes are those of `loadtests run`.
"""

from typing import Any

import click

from loadtests.cli import main
from loadtests.profiles.options import drive, run_options

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
@run_options
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    connections: int,
    duration: float,
    url: str | None,
    **options: Any,
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
    drive(context, _SCENARIO, overrides, options)


if __name__ == "__main__":
    main(command)
