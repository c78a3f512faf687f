"""`loadtests master`: a run over many machines. They come as `loadtests worker`s and get their part of the plan."""

import sys
from pathlib import Path

import click

from loadtests.cli.options import address, database_option
from loadtests.errors import RunInterrupted, UsageError

__all__ = ["command"]


@click.command("master")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1, metavar="[SCENARIO or SUITE]...")
@click.option("--expect-workers", type=click.IntRange(1, 1000), required=True, help="How many workers to wait for.")
@click.option("--wait", "wait_s", type=click.FloatRange(1), default=120, show_default=True, help="Seconds to wait.")
@click.option("--bind-host", default="*", show_default=True, help="The address to wait on.")
@click.option("--bind-port", type=click.IntRange(0, 65535), default=5557, show_default=True, help="0: any free port.")
@click.option(
    "--lost-after",
    type=click.FloatRange(1),
    default=5,
    show_default=True,
    help="Seconds without an answer after which a worker counts as lost.",
)
@click.option("--web", is_flag=True, help="Serve Locust's web interface; its button starts a run, as often as wanted.")
@click.option("--web-host", default="127.0.0.1", show_default=True, help="The address it is served on.")
@click.option("--web-port", type=click.IntRange(1, 65535), default=8089, show_default=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The run directory to make.")
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Override a value of the plan.")
@click.option("--strict", is_flag=True, help="Exit 4 when the verdict is inconclusive.")
@click.option("--github", is_flag=True, help="Also print GitHub annotations and add to the summary of the job.")
@click.option("--no-history", is_flag=True, help="Do not record the run in the history.")
@database_option
def command(
    file: Path,
    names: tuple[str, ...],
    *,
    expect_workers: int,
    wait_s: float,
    bind_host: str,
    bind_port: int,
    lost_after: float,
    web: bool,
    web_host: str,
    web_port: int,
    output: Path | None,
    overrides: tuple[str, ...],
    strict: bool,
    github: bool,
    no_history: bool,
    database: str | None,
) -> None:
    """Drive the plan FILE by workers on other machines, judge the run, write the report, and exit by the verdict.

    Workers get the plan and the files it names from here, secrets included: use a network you trust. Exit codes are
    those of `loadtests run`; with --web that of the last run.
    """
    from loadtests.cli.session import run_on_request, run_plan
    from loadtests.plan.loader import load_plan
    from loadtests.plan.selection import narrowed
    from loadtests.report.conclusion import conclude
    from loadtests.swarm.crew import RemoteCrew

    if web and output is not None:
        raise UsageError("with --web every start makes a run of its own: leave --output away")
    history = None if no_history else address(database)
    plan, label = narrowed(load_plan(file, overrides=overrides), names), "-".join(names) or file.stem
    shown = {"host": web_host, "port": web_port, "plan": str(file), "target": plan.target.http or "the plan's target"}
    crew = RemoteCrew.opened(
        bind_host,
        bind_port,
        expected=expect_workers,
        wait_s=wait_s,
        say=_say,
        patience_s=lost_after,
        web=shown if web else None,
    )

    def concluded(directory: Path) -> int:
        return conclude(directory, strict=strict, github=github, history=history)

    if not web:
        directory, interrupted = run_plan(plan, label, output=output, crew=crew)
        code = concluded(directory)
        sys.exit(RunInterrupted.exit_code if interrupted else code)
    codes = [RunInterrupted.exit_code]
    _say(f"Locust's web interface: http://{web_host}:{web_port} (Ctrl-C ends it)")
    run_on_request(plan, label, crew=crew, finished=lambda directory: codes.append(concluded(directory)))
    sys.exit(codes[-1])


def _say(sentence: str) -> None:
    click.echo(f"  {sentence}", err=True)
