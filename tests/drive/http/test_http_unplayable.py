"""Journeys that cannot be played are refused before any load."""

import pytest
from http_scripted import (
    Run,
    driving,
    scenario,
)

from loadtests.errors import UsageError
from loadtests.plan.model import Target
from loadtests.plan.protocol.http import HttpOperation


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("no_such_module:f", "ModuleNotFoundError", id="a module that is not there"),
        pytest.param("http_journeys:nope", "AttributeError", id="a function that is not there"),
        pytest.param("http_journeys:plain", "expected an async function", id="a function that is not async"),
    ],
)
def test_a_journey_that_cannot_be_played_is_found_before_the_run(run: Run, name: str, reason: str) -> None:
    """A mistake in the plan, in words."""

    async def test() -> None:
        plan = scenario(HttpOperation("shop", journey=name))
        with pytest.raises(UsageError, match=f"cannot use the journey {name}: .*{reason}"):
            async with driving(plan, Target()):
                pass

    run(test)
