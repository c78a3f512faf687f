"""What an optimisation saves a user in a month: a formula in whole cents, so that a checker can know the exact answer.

    spend   = base(tier) × (100 + user mod 50) ÷ 100          monthly spend in cents
    savings = spend × rate(optimization) ÷ 1000               per mille, rounded half up to a cent

    base: free 5,000 · early 50,000 · mid 500,000 · enterprise 5,000,000 cents
    rate: cost_reduction 120 · latency_reduction 60 · general_review 30 per mille

The optimisation follows from the query: the word "cost" (or spend, save, bill) asks for cost_reduction, "latency" (or
slow, fast, speed) for latency_reduction, anything else is a general_review. Cost wins when both are named.
"""

from dataclasses import dataclass

from loadtests.target.users import tier_of

__all__ = ["OPTIMIZATIONS", "Savings", "savings_of"]

_BASE_CENTS = {"free": 5_000, "early": 50_000, "mid": 500_000, "enterprise": 5_000_000}
_RATE_PER_MILLE = {"cost_reduction": 120, "latency_reduction": 60, "general_review": 30}
_COST_WORDS = ("cost", "spend", "save", "bill")
_LATENCY_WORDS = ("latency", "slow", "fast", "speed")

OPTIMIZATIONS = tuple(_RATE_PER_MILLE)


@dataclass(frozen=True, slots=True)
class Savings:
    """The outcome of one optimisation."""

    cents: int
    tier: str
    optimization: str


def savings_of(user: int, query: str) -> Savings:
    """The savings of one user for one query; the same question always gets the same answer."""
    tier, optimization = tier_of(user), _optimization(query.lower())
    spend = _BASE_CENTS[tier] * (100 + user % 50) // 100
    cents = (spend * _RATE_PER_MILLE[optimization] + 500) // 1000
    return Savings(cents, tier, optimization)


def _optimization(query: str) -> str:
    if any(word in query for word in _COST_WORDS):
        return "cost_reduction"
    if any(word in query for word in _LATENCY_WORDS):
        return "latency_reduction"
    return "general_review"
