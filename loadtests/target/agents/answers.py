"""The right answers, as a table for the plans that check them: one row a user, whose question goes by its number.

    user_id,tier,query,optimization,savings
    1,free,why is it slow,latency_reduction,3.03

`savings` is written as in the JSON of the result. Any other question of a user has its answer by `savings`.
"""

import csv
from typing import TextIO

from loadtests.target.savings import savings_of
from loadtests.target.users import LAST_USER

__all__ = ["write_answers"]

_QUERIES = ("reduce cost", "why is it slow", "review")


def write_answers(sink: TextIO) -> None:
    """Write the table of all users as CSV."""
    table = csv.writer(sink, lineterminator="\n")
    table.writerow(("user_id", "tier", "query", "optimization", "savings"))
    for user in range(1, LAST_USER + 1):
        query = _QUERIES[user % len(_QUERIES)]
        savings = savings_of(user, query)
        table.writerow((user, savings.tier, query, savings.optimization, savings.cents / 100))
