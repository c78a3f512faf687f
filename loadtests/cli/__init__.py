"""The command line: one module per command, each imported only when it is called."""

import importlib
import sys

import click

from loadtests import __version__
from loadtests.errors import LoadtestsError, RunInterrupted

__all__ = ["main"]

_COMMANDS = {
    "run": "drive the scenarios of a plan, judge them and write the report",
    "check": "validate a plan and show the schedule it means; sends nothing",
    "judge": "judge a stored run again, against its own or other thresholds",
    "compare": "hold the runs of a build against those of another",
    "calibrate": "find out how much equal runs differ on this set-up, and what it can offer",
    "report": "write the report of a stored run again",
    "history": "a scenario over its runs: percentiles by build, changes of level, verdicts",
    "baseline": "accept a run as a baseline, and list those there are",
    "master": "the same run over many machines",
    "worker": "lend this machine to a master's run",
    "target": "serve the embedded reference backend",
}


class _LazyGroup(click.Group):
    """Knows the commands' names and summaries without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"loadtests.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="loadtests")
def _group() -> None:
    """Load testing with true latencies and honest verdicts: HTTP, WebSocket, PostgreSQL and LLM agents."""


def main(command: click.Command = _group) -> None:
    """Run the command line; every error of ours becomes one clear message and its own exit code."""
    try:
        sys.exit(command(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("loadtests: interrupted", err=True)
        sys.exit(RunInterrupted.exit_code)
    except LoadtestsError as error:
        click.echo(f"loadtests: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - the last resort: a bug of ours must not look like a verdict
        _show_bug(error)
        sys.exit(LoadtestsError.exit_code)


def _show_bug(error: Exception) -> None:
    import traceback

    traceback.print_exception(error)
    click.echo("loadtests: internal error, a bug in loadtests; please report the lines above", err=True)
