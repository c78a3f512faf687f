"""Warnings: what a reader must know of a run though it can be judged."""

from collections.abc import Iterator

from loadtests.judge.observed import Observed, lost_as_allowed
from loadtests.judge.wording import amount, counted
from loadtests.plan.model import OpenLoad
from loadtests.result.histogram import Histogram
from loadtests.result.run import pooled
from loadtests.result.window import (
    CPU_WARNINGS,
    CUT_OFF,
    DROPPED,
    LOST_PUSHES,
    MAJOR_FAULTS,
    NAMES_BEYOND,
    OFFERED,
    RESPONSE_FAILED,
    RESPONSE_OK,
    TASK_ERRORS,
    UNTIMED,
    Tally,
)

__all__ = ["caveats"]


def caveats(seen: Observed) -> Iterator[str]:
    """What the run went through, in sentences."""
    yield from _lost(seen)
    yield from _dropped(seen)
    yield from _oddities(seen)


def _lost(seen: Observed) -> Iterator[str]:
    """Workers that may be lost are a warning, with what was not offered for want of them."""
    for worker, at_s in lost_as_allowed(seen.run).items():
        yield f"{worker} was lost {at_s:.1f} s after the start, as the plan allows"
    if lost_as_allowed(seen.run) and seen.due is not None:
        fired = seen.executions.count(OFFERED)
        yield f"{seen.due - fired:,} of the {seen.due:,} arrivals that were due were never offered"


def _dropped(seen: Observed) -> Iterator[str]:
    """Drops are the plan's and the target's: by Little's law, rate x response time is what has to be in flight."""
    load, drops = seen.run.scenario.load, seen.executions.count(DROPPED)
    if not drops or not isinstance(load, OpenLoad):
        return
    rate = seen.executions.count(OFFERED) / seen.elapsed_s
    mean_us = Histogram.merge([seen.total.histogram(RESPONSE_OK), seen.total.histogram(RESPONSE_FAILED)]).mean_us
    law = ""
    if mean_us is not None:
        law = (
            f": at {amount(rate, 'per_s')} and {amount(mean_us * 1e3, 'ns')} on average, {rate * mean_us / 1e6:,.0f} "
            "would be in flight"
        )
    yield f"{counted(drops, 'arrivals')} found max_in_flight ({load.max_in_flight:,}) reached and were dropped{law}"


def _oddities(seen: Observed) -> Iterator[str]:
    if seen.run.status == "aborted":
        yield f"the run was stopped early: {seen.run.stop_reason or 'a threshold was missed'}"
    cut = seen.total.count(CUT_OFF)
    if cut:
        yield f"{counted(cut, 'executions')} were still running when the run ended: verdicts on shares hold either way"
    pushes = pooled(seen.run.connections_by_second(), seen.run.seconds())
    if seen.run.scenario.operations and pushes.count(LOST_PUSHES):
        yield f"{counted(pushes.count(LOST_PUSHES), 'pushes')} never came; thresholds on lost speak of replies here"
    yield from _of_locust(seen.generator)
    faults = seen.generator.count(MAJOR_FAULTS)
    if faults:
        yield f"the generator stood still {counted(faults, 'times')} until a page had been read from disk"
    clamped = sum(seen.total.histogram(name).clamped for name in (RESPONSE_OK, RESPONSE_FAILED))
    if clamped:
        yield f"{counted(clamped, 'times')} lay outside 1 µs to 1 h and were counted at the edge"


def _of_locust(generator: Tally) -> Iterator[str]:
    errors, untimed, beyond = (generator.count(name) for name in (TASK_ERRORS, UNTIMED, NAMES_BEYOND))
    if generator.count(CPU_WARNINGS):
        yield "Locust's own CPU was above 90%: its users were slower than the target; use more --processes"
    if errors:
        yield f"{counted(errors, 'tasks')} of the locustfile ended by an exception of its own"
    if untimed:
        yield f"{counted(untimed, 'requests')} came without a response time and are in no figure"
    if beyond:
        yield f"{counted(beyond, 'requests')} had further names and stand together: group them with name="
