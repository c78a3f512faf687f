"""`loadtests target`: serve the embedded reference backend until told to stop."""

import os
import sys
from pathlib import Path

import click

from loadtests.errors import UsageError

__all__ = ["command"]


@click.command("target")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8080,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0 takes any free port; see the output.",
)
@click.option("--law", metavar="LAW", help="Added latency, e.g. '5ms, 100ms 2%' or 'exp 5ms'.")
@click.option("--errors", metavar="SHARE [STATUS]", help="Share answered with an error, e.g. 2% or '2% 503'.")
@click.option("--reset", metavar="SHARE", help="Share of requests whose connection is reset.")
@click.option("--stall", metavar="'TIME every TIME'", help="Answer nothing for a while, e.g. '1s every 10s'.")
@click.option(
    "--sockets",
    metavar="'NAME SETTING; …'",
    help="Faults of sockets, e.g. 'drop 1.5% after 30s 1011; lose 1%'; the names are below.",
)
@click.option(
    "--database-faults",
    "database",
    metavar="'NAME SETTING; …'",
    help="Faults of the database, e.g. 'lock users 3s at 30s; terminate 10% every 20s'; the names are below.",
)
@click.option(
    "--agents",
    metavar="'NAME SETTING; …'",
    help="Times and faults of agents, e.g. 'first exp 500ms; hang 6%; wrong every 50'; the names are below.",
)
@click.option("--only", metavar="PREFIX", help="Fault only paths that begin so; /metrics and /api/admin/ never are.")
@click.option(
    "--database",
    "attached",
    default="off",
    show_default=True,
    metavar="embedded|DSN|off",
    help="A PostgreSQL of its own, or one that is there; its address is told when ready.",
)
@click.option(
    "--database-users",
    "users",
    type=click.IntRange(1, 10_000_000),
    help="Users to fill the database with, each with about six threads and five agent runs; 10000 if embedded. "
    "Without it a database that is there must have the tables.",
)
@click.option(
    "--agent-workers",
    "workers",
    default=100,
    show_default=True,
    type=click.IntRange(1, 100_000),
    envvar="AGENT_WORKER_COUNT",
    show_envvar=True,
    help="Executions at once.",
)
@click.option(
    "--agent-queue",
    "capacity",
    default=200,
    show_default=True,
    type=click.IntRange(0, 100_000),
    help="Executions that may wait; more are answered 429.",
)
@click.option(
    "--answers",
    metavar="FILE|-",
    help="Write the right answers of all users as CSV, for plans that check them, and serve nothing.",
)
@click.option("--log", "log", default="off", show_default=True, metavar="FILE|-|off", help="Structured JSON log.")
@click.option("--ready-file", type=click.Path(dir_okay=False, path_type=Path), help="Written with the URL when ready.")
@click.option(
    "--with-parent",
    "parent",
    type=int,
    is_flag=False,
    flag_value=0,
    metavar="[PID]",
    help="End when the parent process does; PID names it where the start may race with its death.",
)
def command(
    host: str,
    port: int,
    *,
    attached: str,
    users: int | None,
    log: str,
    ready_file: Path | None,
    parent: int | None,
    workers: int,
    capacity: int,
    answers: str | None,
    **dialled: str | None,
) -> None:
    """Serve the embedded reference backend: the HTTP endpoints the guide names and /ws, with a dial for faults.

    The dial can also be turned while it serves: GET, PUT or DELETE /api/admin/faults.

    \b
    /ws?mode=echo (default), events, broadcast, or push&every=100ms. Its faults:
      drop SHARE [after TIME] [CODE|reset]  connections closed (1011) or reset
      silent SHARE [after TIME]             connections that go half-open
      refuse SHARE                          upgrades answered 503
      delay LAW                             latency added to each answer
      lose, duplicate, reorder SHARE        answers never sent, sent twice,
                                            held until after the next one (1 s)

    \b
    Agents (a SHARE is 2% or 'every 50'). Their times and faults:
      first LAW, token LAW                  the provider's first token; the gaps between tokens
      phase LAW, tokens N                   each of the three phases; the length of a report
      limit TIME                            when an execution is given up (2m)
      provider SHARE [STATUS]               the provider fails (503)
      hang SHARE, endless SHARE             the provider falls silent, or never stops
      cut SHARE, malformed SHARE            streams that end, or are no JSON, half-way
      wrong SHARE, mixup SHARE              a wrong sum; the answer of another user
      html SHARE                            an HTML page instead
      pause TIME, backlog N of TIME         workers that stop; a queue before them

    \b
    Faults of the database (--database); WHEN is `at TIME`, `every TIME` or both:
      sleep LAW [on TABLE]                  statements on its tables sleep first
      lock TABLE TIME WHEN                  another session holds the table
      terminate SHARE WHEN                  sessions ended by the server
      restart TIME WHEN                     the server away for that time
      full TIME WHEN                        no connection left for anybody
    """
    if answers is not None:
        _write_answers(answers)
        return
    followed = os.getppid() if parent == 0 else parent
    from loadtests.target.faults import parse_faults
    from loadtests.target.server import Serving, serve

    try:
        faults = parse_faults(dialled)
    except ValueError as mistake:
        raise UsageError(f"--{str(mistake).replace('database: ', 'database-faults: ', 1)}") from mistake
    serve(Serving(host, port, faults, log, ready_file, followed, attached, users, workers, capacity))


def _write_answers(where: str) -> None:
    from loadtests.target.agents.answers import write_answers

    try:
        with sys.stdout if where == "-" else Path(where).open("w", encoding="utf-8") as sink:
            write_answers(sink)
    except OSError as error:
        raise UsageError(f"cannot write the answers to {where}: {error.strerror}; give another file") from error
