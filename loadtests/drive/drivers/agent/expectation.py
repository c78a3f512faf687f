"""Whether an answer is the right one: a plan's `answer`, compiled once and asked per execution."""

from collections.abc import Mapping
from typing import Any

import orjson

from loadtests.drive.drivers.http.check import PathMissing, at_path, equal, filled, spelled
from loadtests.plan.protocol.agent import Expected
from loadtests.plan.template import names_in

__all__ = ["Expectation"]

_FLOAT_NOISE = 1e-9


class Expectation:
    """`fault` says how an answer differs from the right one, `None` when it does not."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected
        self._templated = bool(names_in(expected.value))
        self.names = frozenset(names_in(expected.value))
        self.wants_text = expected.path is None

    def fault(self, result: bytes, values: Mapping[str, str]) -> str | None:
        """What is wrong with the result: a JSON document where a path leads into it, else a text."""
        expected = self._expected
        wanted = filled(expected.value, values) if self._templated else expected.value
        if expected.path is None:
            what, got = "the text", result.decode("utf-8", "replace").strip()
            wanted = wanted.strip() if isinstance(wanted, str) else orjson.dumps(wanted).decode()
        else:
            what = expected.path
            try:
                got = at_path(orjson.loads(result), expected.path)
            except ValueError:
                return "the answer is not JSON"
            except PathMissing:
                return f"{what} is missing, expected {spelled(wanted)}"
        if expected.within is not None:
            return _number_fault(what, got, wanted, expected.within)
        if equal(got, wanted, as_text=self._templated and isinstance(wanted, str)):
            return None
        return f"{what} is {spelled(got)}, expected {spelled(wanted)}"


def _number_fault(what: str, got: Any, wanted: Any, within: float) -> str | None:
    try:
        found, right = float(got), float(wanted)
    except (TypeError, ValueError):
        return f"{what} is {spelled(got)}, expected a number near {spelled(wanted)}"
    if not isinstance(got, bool) and abs(found - right) <= within + _FLOAT_NOISE * max(abs(right), within):
        return None
    return f"{what} is {spelled(got)}, expected {right:.12g} ± {within:.12g}"
