"""`loadtests check`: a plan validated, and the schedule it means in figures. Sends nothing."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from loadtests.cli.embedded import SOMEWHERE, Embedded
from loadtests.plan.loader import load_plan
from loadtests.plan.model import ClosedLoad, Connections, OpenLoad, Scenario, Stage
from loadtests.plan.selection import select
from loadtests.plan.summary import Outlook, ScheduleSummary, closed_rate, outlooks, schedule_summary
from loadtests.units import format_duration, format_rate, format_ratio

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["command"]

_BARS = "▁▂▃▄▅▆▇█"
_PLAIN_WIDTH = 120
_LATENCIES_NS = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000)


@click.command("check")
@click.argument("names", nargs=-1, metavar="[SCENARIO|SUITE]...")
@click.option("-f", "--file", type=click.Path(path_type=Path), default=Path("scenarios.yaml"), show_default=True)
@click.option(
    "--set", "overrides", multiple=True, metavar="PATH=VALUE", help="change one value, e.g. scenarios.api.seed=3"
)
@click.option("--embedded", is_flag=True, help="as for a run that starts the embedded target")
@click.option("--schema", is_flag=True, help="print the JSON Schema of plan files, and check nothing")
def command(names: tuple[str, ...], *, file: Path, overrides: tuple[str, ...], embedded: bool, schema: bool) -> None:
    """Validate a plan and show the schedule it means; sends nothing.

    Exits 0, or 2 with every mistake in the plan.
    """
    if schema:
        click.echo(_schema_text())
        return
    served = SOMEWHERE if embedded else Embedded()
    plan = load_plan(file, overrides=overrides, embedded=served.http, embedded_database=served.database)
    chosen = select(plan, names)
    for scenario in chosen:
        click.echo(_printed(scenario))
    total = sum(scenario.load.duration_ns for scenario in chosen)
    scenarios = "1 scenario" if len(chosen) == 1 else f"{len(chosen)} scenarios"
    click.echo(f"{file}: valid; {scenarios}, {format_duration(total)} of load")


def _schema_text() -> str:
    import orjson

    from loadtests.plan.schema import plan_schema

    return orjson.dumps(plan_schema(), option=orjson.OPT_INDENT_2).decode()


def _printed(scenario: Scenario) -> str:
    """One scenario as text: with colours on a terminal, else plain."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(width=None if terminal else _PLAIN_WIDTH, markup=False, highlight=False, emoji=False)
    summary = schedule_summary(scenario)
    facts = _table("", "")
    for name, fact in _facts(scenario, summary):
        facts.add_row(name, fact)
    tables = [facts, *([_operations_table(scenario, summary)] if scenario.operations else [])]
    tables += [_thresholds_table(outlooks(scenario, summary), summary)] if scenario.thresholds else []
    with console.capture() as captured:
        console.print(Text.assemble((scenario.name, "bold"), f" · {scenario.driver} · {_model(scenario)}"))
        for table in tables:
            console.print(Padding(table, (0, 0, 1, 2)))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _model(scenario: Scenario) -> str:
    if not scenario.operations:
        return "connections that are only held"
    if isinstance(scenario.load, OpenLoad):
        return f"open: {scenario.load.arrivals} arrivals that wait for no answer"
    return "closed: users who wait for each answer"


def _facts(scenario: Scenario, summary: ScheduleSummary) -> Iterator[tuple[str, str]]:
    load = scenario.load
    peak = max(summary.levels)
    what = "rate" if isinstance(load, OpenLoad) else "users"
    if scenario.operations:
        yield what, f"{_sparkline(summary.levels)} 0 to {peak:,.4g}{'/s' if isinstance(load, OpenLoad) else ''}"
    if load.connections is not None:
        yield "connections", _connections_words(load.connections, load.duration_ns)
    if isinstance(load, OpenLoad) and scenario.operations:
        yield "stages", _stages(load.stages)
        about = "" if load.arrivals == "constant" else "about "
        yield "arrivals", f"{about}{summary.offered:,.0f} in {format_duration(summary.duration_ns)}"
        yield "in flight", f"at most {load.max_in_flight:,}; an arrival beyond that is dropped, and counted"
    elif isinstance(load, ClosedLoad):
        yield "load", _closed_words(load, summary)
        yield "Little's law", _little(load)
        assumed = format_duration(summary.assumed_latency_ns or 0)
        yield "executions", f"about {summary.offered:,.0f}, were every answer to take {assumed}; the counts below too"
    if scenario.driver == "database":
        yield "pool", _pool_words(scenario)
    start, end = map(format_duration, summary.steady_ns)
    yield "judged", f"from {start} to {end}; {_before(scenario)}"
    yield "timeout", format_duration(scenario.timeout_ns)
    yield "seed", str(scenario.seed)


def _connections_words(connections: Connections, duration_ns: int) -> str:
    spawn = "all at once"
    if connections.spawn_rate is not None:
        spawn = f"{format_rate(connections.spawn_rate)}, all due after {format_duration(connections.spawn_ns)}"
    sending = f"; {connections.senders:,} of them send" if 0 < connections.senders < connections.count else ""
    return f"{connections.count:,}, opened {spawn}, held until {format_duration(duration_ns)}{sending}"


def _pool_words(scenario: Scenario) -> str:
    users = scenario.load.users if isinstance(scenario.load, ClosedLoad) else None
    again = scenario.database.reconnect_ns
    anew = "never made anew" if again is None else f"made anew after {format_duration(again)}"
    count = scenario.database.connections(users)
    return f"{count:,} connections that all operations share; whoever finds none free waits; a lost one is {anew}"


def _before(scenario: Scenario) -> str:
    parts = [
        ("warm-up", scenario.warmup_ns),
        ("ramp" if isinstance(scenario.load, OpenLoad) else "spawning", scenario.load.ramp_ns),
    ]
    said = [f"{name} of {format_duration(length)}" for name, length in parts if length]
    return f"{' and '.join(said)} recorded but not judged" if said else "no warm-up"


def _stages(stages: tuple[Stage, ...]) -> str:
    words = []
    for stage in stages:
        verb, over = ("to", "in") if stage.ramp else ("hold", "for")
        words.append(f"{verb} {format_rate(stage.rate)} {over} {format_duration(stage.duration_ns)}")
    return ", ".join(words)


def _closed_words(load: ClosedLoad, summary: ScheduleSummary) -> str:
    spawn = "all at once" if load.spawn_rate is None else f"{format_rate(load.spawn_rate)} until all run"
    pause = "no pause"
    if load.pacing_ns is not None:
        pause = f"one execution every {format_duration(load.pacing_ns)}"
    elif load.think_ns is not None:
        pause = f"think {' to '.join(dict.fromkeys(map(format_duration, load.think_ns)))}"
    return f"{load.users:,} users, {spawn}, {pause}, {format_duration(summary.duration_ns)}"


def _little(load: ClosedLoad) -> str:
    """Rates that follow from latencies: users = rate × (latency + think time)."""
    pairs = [f"{format_duration(latency)}: {format_rate(closed_rate(load, latency))}" for latency in _LATENCIES_NS]
    law = "rate = users / pace" if load.pacing_ns is not None else "rate = users / (latency + think)"
    return f"{law}; at a latency of {', '.join(pairs)}"


def _operations_table(scenario: Scenario, summary: ScheduleSummary) -> "Table":
    table = _table("operation", "share", "started", "judged", "timeout")
    for operation, counted in zip(scenario.operations, summary.operations, strict=True):
        timeout = format_duration(scenario.timeout_of(operation))
        share = format_ratio(counted.share)
        table.add_row(counted.name, share, f"{counted.offered:,.0f}", f"{counted.steady:,.0f}", timeout)
        for step in getattr(operation, "steps", ()):
            limit = timeout if step.timeout_ns is None else format_duration(step.timeout_ns)
            table.add_row(f"  /{step.name}", "", f"{counted.offered:,.0f}", f"{counted.steady:,.0f}", limit)
    return table


def _thresholds_table(found: tuple[Outlook, ...], summary: ScheduleSummary) -> "Table":
    table = _table("threshold", "clause", "samples", "needs", "")
    for outlook in found:
        about = "" if summary.assumed_latency_ns is None else "~"
        samples = "" if outlook.samples is None else f"{about}{outlook.samples:,}"
        needed = "" if outlook.needed is None else f"{outlook.needed:,}"
        word = "enough" if outlook.suffices else "too few: it will be inconclusive"
        table.add_row(outlook.threshold.text, outlook.threshold.clause or "", samples, needed, word if needed else "")
    return table


def _table(*columns: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, show_header=any(columns), pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        numeric = name in ("share", "started", "judged", "samples", "needs", "timeout")
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    return table


def _sparkline(levels: tuple[float, ...]) -> str:
    top = max(levels) or 1.0
    return "".join(_BARS[min(len(_BARS) - 1, int(level / top * len(_BARS)))] if level else " " for level in levels)
