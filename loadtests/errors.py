"""Every error the suite raises on purpose, in one tree, each with the exit code the command line ends with.

    LoadtestsError              70  an internal error, unless a subclass says better
    ├── UsageError               2  the command line asked for something that is not there
    │   ├── PlanError            2  the plan file has mistakes (all of them, at once)
    │   ├── HostNotAllowed       2  load would go to a host the plan does not allow
    │   ├── UnlikeRuns           2  runs that are to be compared were not made alike
    │   ├── RunUnreadable        2  a run directory cannot be read
    │   └── HistoryUnusable      2  the history's database cannot be reached, read or written
    ├── GeneratorFault           3  our side failed: the run is INVALID, the target is not to blame
    ├── RunInvalid               3  a stored run is INVALID, so nothing can be compared with it
    ├── TargetUnreachable        5  nothing answers where the plan points
    └── RunInterrupted         130  the user stopped the run

Faults of the target *during* a run are results (failure kinds), never exceptions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "GeneratorFault",
    "HistoryUnusable",
    "HostNotAllowed",
    "LoadtestsError",
    "Mistake",
    "PlanError",
    "RunInterrupted",
    "RunInvalid",
    "RunUnreadable",
    "TargetUnreachable",
    "UnlikeRuns",
    "UsageError",
]


class LoadtestsError(Exception):
    """Root of the tree; `exit_code` is what the command line returns for it."""

    exit_code = 70


class UsageError(LoadtestsError):
    """The command line or an argument asks for something that is not there."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a plan file.

    `path` is dotted (`scenarios.api.load.rate`), `value` the text as written, `rule` what was expected,
    `nearest` the closest valid spelling where there is one, `line` the 1-based line in the file.
    """

    path: str
    rule: str
    value: str | None = None
    nearest: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: {self.path}" if self.line is not None else self.path
        got = f" (got {self.value})" if self.value is not None else ""
        hint = f"; did you mean {self.nearest}?" if self.nearest is not None else ""
        return f"{where}: {self.rule}{got}{hint}"


class PlanError(UsageError):
    """The plan file cannot be used; carries every mistake in it."""

    def __init__(self, source: str, mistakes: Sequence[Mistake]) -> None:
        super().__init__(source, tuple(mistakes))
        self.source = source
        self.mistakes = tuple(mistakes)

    def __str__(self) -> str:
        count = len(self.mistakes)
        head = f"{self.source}: {count} mistake{'s' if count != 1 else ''}"
        return "\n  ".join([head, *map(str, self.mistakes)])


class HostNotAllowed(UsageError):
    """Load would leave for a host that is neither loopback nor on the plan's `allow` list."""

    def __init__(self, host: str, address: str, allowed: Sequence[str]) -> None:
        super().__init__(host, address, tuple(allowed))
        self.host = host
        self.address = address
        self.allowed = tuple(allowed)

    def __str__(self) -> str:
        listed = ", ".join(self.allowed) or "empty"
        return (
            f"load to {self.host} ({self.address}) is not allowed: it is not loopback and not on the plan's "
            f"target.allow list ({listed}); add it there if you own it"
        )


class RunUnreadable(UsageError):
    """A run directory is missing, or is not one of ours."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot read a run from {self.path}: {self.reason}"


class HistoryUnusable(UsageError):
    """The history's database cannot be reached, read or written; `address` is without its password."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason)
        self.address = address
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot use the history {self.address}: {self.reason}"


class UnlikeRuns(UsageError):
    """Runs that are to be compared differ in what must agree; carries a sentence for every difference."""

    def __init__(self, scenario: str, differences: Sequence[str]) -> None:
        super().__init__(scenario, tuple(differences))
        self.scenario = scenario
        self.differences = tuple(differences)

    def __str__(self) -> str:
        head = f"the runs of {self.scenario} were not made alike, so their figures cannot be compared"
        advice = "make them alike, or compare all the same with --unlike"
        return "\n  ".join([f"{head}: {advice}", *self.differences])


class RunInvalid(LoadtestsError):
    """A stored run whose figures do not speak of the target; carries why, by run."""

    exit_code = 3

    def __init__(self, reasons: Sequence[tuple[str, str]]) -> None:
        super().__init__(tuple(reasons))
        self.reasons = tuple(reasons)

    def __str__(self) -> str:
        what = "an INVALID run says" if len(self.reasons) == 1 else "INVALID runs say"
        head = f"{what} nothing of the target, so nothing can be compared with it"
        return "\n  ".join([head, *(f"{run}: {reason}" for run, reason in self.reasons)])


class GeneratorFault(LoadtestsError):
    """The generator's side failed (files, processes, limits of this machine); never the target's fault."""

    exit_code = 3


class TargetUnreachable(LoadtestsError):
    """Nothing answers at the target's address before the run."""

    exit_code = 5

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason)
        self.address = address
        self.reason = reason

    def __str__(self) -> str:
        return f"the target at {self.address} cannot be reached: {self.reason}; is it running?"


class RunInterrupted(LoadtestsError):
    """The user ended the run early; what was recorded until then is on disk."""

    exit_code = 130
