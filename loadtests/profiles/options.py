"""What the commands of all profiles have in common: their options, and running a scenario of the plan with them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from loadtests.cli.options import plan_options
from loadtests.cli.run import command as run

__all__ = ["drive", "run_options"]

_OPTIONS = (
    plan_options("file", "embedded", "target_options", "processes"),
    click.option("-o", "--output", type=click.Path(path_type=Path), help="The run directory to make."),
    click.option("--strict", is_flag=True, help="Exit 4 when the verdict is inconclusive."),
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of `loadtests run` that make sense for one scenario with a given load."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def drive(context: click.Context, scenario: str, overrides: Sequence[str], options: dict[str, Any]) -> None:
    """Run that scenario as `loadtests run` would; `options` are those that `run_options` added."""
    context.invoke(run, names=(scenario,), overrides=tuple(overrides), **options)
