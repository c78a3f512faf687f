"""Recording a run at its end: cheap, and never the reason why a finished run is lost."""

from loadtests.errors import LoadtestsError, RunUnreadable
from loadtests.history.address import Address
from loadtests.judge.verdict import Verdict

__all__ = ["record", "try_to_record"]


def record(verdict: Verdict, address: Address, *, replace: bool = False) -> bool:
    """Record a judged run; false when it is there already. Imports the database here, where it is used.

    `RunUnreadable` for a run that ended before any scenario began: no list would ever show it.
    """
    if not verdict.scenarios:
        raise RunUnreadable(verdict.run.path or verdict.run.id, "no scenario of it ever began, so nothing is recorded")
    from loadtests.history.merging import keep
    from loadtests.history.store import History

    return History.open(address).add(keep(verdict), replace=replace)


def try_to_record(verdict: Verdict, address: Address) -> str:
    """As `record`, whatever happens; gives a sentence on what came of it.

    The run is on disk and judged by now. Nothing that goes wrong here may turn its verdict into another one.
    """
    try:
        fresh = record(verdict, address)
    except LoadtestsError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - see above
        reason = f"{type(error).__name__}: {error}"
    else:
        return f"history: {address}" if fresh else f"history: {address} (was recorded before)"
    stored = f"; add it later: loadtests history add {verdict.run.path}" if verdict.run.path else ""
    return f"warning: the run was not recorded: {reason}{stored}"
