"""The guide's database test: `python -m loadtests.profiles.database --queries-per-second 5000 --duration 600`.

It runs the scenario `database` of the plan at that rate for that many seconds; what must hold is what the plan says,
but for the throughput, which must come to 99% of the rate. Exit codes are those of `loadtests run`.
"""

from pathlib import Path
from typing import Any

import click

from loadtests.cli import main
from loadtests.plan.yamlfile import read_yaml
from loadtests.profiles.options import drive, run_options

__all__ = ["command"]

_SCENARIO = "database"
_EARLY_S = 10
_EARLY_PART = 4
"""Ramp and warm-up take at most this part of a short test."""


@click.command()
@click.option("--queries-per-second", type=click.FloatRange(1), default=5000, show_default=True, help="Rate to offer.")
@click.option("--duration", type=click.FloatRange(1), default=600, show_default=True, help="Seconds to offer it for.")
@click.option("--pool", type=click.IntRange(1), help="Connections.  [default: the plan's]")
@click.option("--dsn", help="The database.  [default: the plan's target.database]")
@run_options
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    queries_per_second: float,
    duration: float,
    pool: int | None,
    dsn: str | None,
    **options: Any,
) -> None:
    """Ask a PostgreSQL so many queries a second over a fixed pool of connections; the guide's limits decide."""
    place = f"scenarios.{_SCENARIO}"
    early = f"{min(_EARLY_S, duration / _EARLY_PART):g}s"
    wanted = f"throughput >= {queries_per_second * 0.99:g}/s [LOAD-DB]"
    overrides = [
        f"{place}.load.rate={queries_per_second:g}/s",
        f"{place}.load.duration={duration:g}s",
        f"{place}.load.ramp={early}",
        f"{place}.warmup={early}",
        *(f"{place}.thresholds.{at}={wanted}" for at in _throughputs(options["file"])),
        *([] if pool is None else [f"{place}.database.pool={pool}"]),
        *([] if dsn is None else [f"target.database={dsn}"]),
    ]
    drive(context, _SCENARIO, overrides, options)


def _throughputs(file: Path) -> list[int]:
    """Where the thresholds of the scenario speak of throughput; a file that cannot be read is for the run to say."""
    try:
        document = read_yaml(file.read_text(encoding="utf-8-sig")).value
        thresholds = document["scenarios"][_SCENARIO]["thresholds"]
    except (OSError, UnicodeDecodeError, KeyError, TypeError):
        return []
    return [at for at, text in enumerate(thresholds) if str(text).startswith("throughput")]


if __name__ == "__main__":
    main(command)
