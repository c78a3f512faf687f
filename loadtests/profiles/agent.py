"""The guide's agent test: `python -m loadtests.profiles.agent --concurrent-agents 50 --execution-time 30`.

It keeps that many executions of the scenario `agent` of the plan running, each of which may take that many seconds;
what must hold is what the plan says. Exit codes are those of `loadtests run`.
"""

import math
from typing import Any

import click

from loadtests.cli import main
from loadtests.profiles.options import drive, run_options

__all__ = ["command", "shortest_duration"]

_SCENARIO = "agent"
_SPAWN_RATE = 10
_EXECUTIONS = 600
"""So many right answers show more than 99.5%; timeouts below 5%, and below 2%, take fewer."""
_EARLY_PART = 4
"""Spawning takes at most this part of a short test."""


@click.command()
@click.option("--concurrent-agents", "agents", type=click.IntRange(1), default=50, show_default=True, help="At once.")
@click.option("--execution-time", type=click.FloatRange(1), default=30, show_default=True, help="Seconds one may take.")
@click.option(
    "--duration",
    type=click.FloatRange(1),
    help=f"Seconds to keep them running.  [default: enough for {_EXECUTIONS} that take all their time]",
)
@click.option("--url", help="Where the agents are.  [default: the plan's target.http]")
@run_options
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    agents: int,
    execution_time: float,
    duration: float | None,
    url: str | None,
    **options: Any,
) -> None:
    """Keep agents executing, and hold them to the guide's limits."""
    lasts = shortest_duration(agents, execution_time) if duration is None else duration
    load = f"scenarios.{_SCENARIO}.load"
    overrides = [
        f"{load}.users={agents}",
        f"{load}.spawn_rate={max(_SPAWN_RATE, agents * _EARLY_PART / lasts):g}/s",
        f"{load}.duration={lasts:g}s",
        f"scenarios.{_SCENARIO}.timeout={execution_time:g}s",
        *([] if url is None else [f"target.http={url}"]),
    ]
    drive(context, _SCENARIO, overrides, options)


def shortest_duration(agents: int, execution_time: float) -> int:
    """Seconds until enough executions have ended, were each to take all its time; the time of spawning comes first."""
    return math.ceil((agents - 1) / _SPAWN_RATE) + math.ceil(math.ceil(_EXECUTIONS / agents) * execution_time)


if __name__ == "__main__":
    main(command)
