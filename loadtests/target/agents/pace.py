"""How much work a question is. Short enough that runs of seconds mean something; the dial can set each of these.

               triage, data, optimisation   first token   between tokens   tokens   tools   in all
    simple     20 ms each                   100 ms        10 ms            32       1       0.47 s
    complex    150 ms each                  250 ms        15 ms            128      3       2.6 s

The report, the fourth phase, is written by the provider, token by token.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from loadtests.law import Law, parse_law
from loadtests.target.agents.question import Complexity

__all__ = ["PACES", "PHASES", "Pace"]

PHASES = ("triage", "data", "optimisation", "report")


@dataclass(frozen=True, slots=True)
class Pace:
    """The times and counts of one execution."""

    phase: Law
    first: Law
    token: Law
    tokens: int
    tools: tuple[str, ...]


PACES: Mapping[Complexity, Pace] = {
    "simple": Pace(parse_law("20ms"), parse_law("100ms"), parse_law("10ms"), 32, ("usage",)),
    "complex": Pace(
        parse_law("150ms"), parse_law("250ms"), parse_law("15ms"), 128, ("usage", "invoices", "reservations")
    ),
}
