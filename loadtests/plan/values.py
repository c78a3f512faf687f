"""How single values of a plan file are written: text to Python value, and the JSON Schema of the text.

Every check says in words what was expected; nothing of pydantic's own wording reaches a person.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from loadtests.plan.findings import Misfit
from loadtests.plan.suggest import nearest
from loadtests.units import parse_duration_ns, parse_rate, parse_size

__all__ = [
    "Capacity",
    "Count",
    "Duration",
    "Mapping",
    "Name",
    "Numbers",
    "Pair",
    "Pause",
    "Process",
    "Rate",
    "Redirects",
    "Rows",
    "Seed",
    "Size",
    "Statuses",
    "Text",
    "TextMapping",
    "Texts",
    "Think",
    "Truth",
    "Version",
    "Wait",
    "Weight",
    "list_of",
    "map_of",
    "or_word",
    "word",
]

_WHOLE = re.compile(r"[+-]?\d+")
_RANGE = re.compile(r"(-?\d+)\s*\.\.\s*(-?\d+)")
_ROWS = re.compile(r"(?P<least>>=\s*)?(?P<low>\d+)(?:\s*\.\.\s*(?P<high>\d+))?")
_DURATION_PATTERN = r"^\s*(0|(\d+(\.\d+)?\s*(ns|us|µs|ms|s|m|h)\s*)+)\s*$"
_FROM_ENVIRONMENT = {"type": "string", "pattern": r"\$\{[A-Za-z_]\w*(:-[^}]*)?\}"}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise Misfit("expected text")


def _filled_text(value: Any) -> str:
    if not _text(value).strip():
        raise Misfit("expected text, not nothing")
    return _text(value)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(item) for item in value) if isinstance(value, list) else (_text(value),)


def _text_mapping(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Misfit("expected a mapping of names to texts")
    if odd := [key for key, part in value.items() if not isinstance(part, str | int | float)]:
        raise Misfit(f"expected text under {odd[0]}")
    return {key: _text(part) for key, part in value.items()}


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Misfit("expected a mapping")
    return value


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise Misfit("expected true or false")


def _whole(low: int, high: int | None = None) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        text = "" if isinstance(value, bool) else str(value)
        if not _WHOLE.fullmatch(text) or int(text) < low or (high is not None and int(text) > high):
            raise Misfit(f"expected a whole number from {low}" + (" up" if high is None else f" to {high}"))
        return int(text)

    return check


def _version(value: Any) -> int:
    if value != 1 or isinstance(value, bool):
        raise Misfit("expected 1, the only version there is")
    return 1


def _weight(value: Any) -> float:
    try:
        weight = float("nan" if isinstance(value, bool) else value)
    except (TypeError, ValueError):
        weight = -1.0
    if not 0.0 <= weight < float("inf"):
        raise Misfit("expected a number from 0 up")
    return weight


def _parsed(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: parse(_text(value))


def _positive(parse: Callable[[str], Any], rule: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        amount = parse(_text(value))
        if amount <= 0:
            raise Misfit(rule)
        return amount

    return check


def _think(value: Any) -> tuple[int, int]:
    low, dots, high = _text(value).partition("..")
    shortest = parse_duration_ns(low)
    longest = parse_duration_ns(high) if dots else shortest
    if longest < shortest:
        raise Misfit("expected a range from low to high, such as 0.5s..1.5s")
    return shortest, longest


def _number_range(value: Any) -> range:
    found = _RANGE.fullmatch(_text(value).strip())
    if found is None or int(found[1]) > int(found[2]):
        raise Misfit("expected a range of whole numbers from low to high, such as 1..10000")
    return range(int(found[1]), int(found[2]) + 1)


def _statuses(value: Any) -> tuple[int, ...]:
    check = _whole(100, 599)
    try:
        found = tuple(map(check, value if isinstance(value, list) else [value]))
    except Misfit:
        raise Misfit("expected a status from 100 to 599, or a list of them") from None
    if not found:
        raise Misfit("expected at least one status")
    return found


def _one_of(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in words:
            raise Misfit(f"expected {' or '.join(words)}", nearest=nearest(value, words))
        return str(value)

    return check


def _rows(value: Any) -> tuple[int, int | None]:
    text = "" if isinstance(value, bool) else str(value).strip()
    found = _ROWS.fullmatch(text)
    if found is None or (found["high"] is not None and (found["least"] or int(found["high"]) < int(found["low"]))):
        raise Misfit("expected a number of rows: 1, 1..10 or >= 1")
    low = int(found["low"])
    if found["least"]:
        return low, None
    return low, int(found["high"] or low)


def _process(value: Any) -> int | str:
    text = _filled_text(value)
    return int(text) if text.isdigit() else text


def _pair(value: Any) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(part, str | int) for part in value):
        raise Misfit("expected a list of two: [user, password]")
    user, password = map(_text, value)
    if ":" in user:
        raise Misfit("a user name for basic auth cannot hold a colon")
    return user, password


def _pause(value: Any) -> int | None:
    if value is False or value == "false":
        return None
    if value is True:
        raise Misfit("expected false, or the time to wait, such as 1s")
    return int(parse_duration_ns(_text(value)))


def or_word(text: str) -> Callable[[Any], dict[str, Any]]:
    """The schema of that word, or of something else."""
    return lambda schema: {"anyOf": [{"const": text}, schema]}


def list_of(schema: Any) -> dict[str, Any]:
    """The schema of a list of such."""
    return {"type": "array", "items": schema}


def map_of(schema: Any) -> dict[str, Any]:
    """The schema of a mapping of names to such."""
    return {"type": "object", "additionalProperties": schema}


def _written(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": pattern}, _FROM_ENVIRONMENT], "examples": [*examples]}
    )


def _number(kind: str, **limits: float) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": kind, **limits}, _FROM_ENVIRONMENT]})


_SCALAR = {"type": ["string", "number", "boolean"]}
Text = Annotated[str, PlainValidator(_text), WithJsonSchema(_SCALAR)]
Name = Annotated[str, PlainValidator(_filled_text), WithJsonSchema(_SCALAR)]
Texts = Annotated[
    tuple[str, ...], PlainValidator(_texts), WithJsonSchema({"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]})
]
TextMapping = Annotated[dict[str, str], PlainValidator(_text_mapping), WithJsonSchema(map_of(_SCALAR))]
Mapping = Annotated[dict[str, Any], PlainValidator(_mapping), WithJsonSchema({"type": "object"})]
Truth = Annotated[bool, PlainValidator(_truth), WithJsonSchema({"anyOf": [{"type": "boolean"}, _FROM_ENVIRONMENT]})]
Count = Annotated[int, PlainValidator(_whole(1)), _number("integer", minimum=1)]
Seed = Annotated[int, PlainValidator(_whole(0)), _number("integer", minimum=0)]
Redirects = Annotated[int, PlainValidator(_whole(0, 20)), _number("integer", minimum=0, maximum=20)]
Weight = Annotated[float, PlainValidator(_weight), _number("number", minimum=0)]
Duration = Annotated[
    int,
    PlainValidator(_positive(parse_duration_ns, "expected a duration longer than 0, such as 250ms, 1.5s or 5m")),
    _written(_DURATION_PATTERN, "250ms", "5m"),
]
Wait = Annotated[
    int,
    PlainValidator(_parsed(parse_duration_ns)),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": _DURATION_PATTERN}, {"const": 0}, _FROM_ENVIRONMENT]}),
]
Think = Annotated[
    tuple[int, int], PlainValidator(_think), WithJsonSchema({"type": "string", "examples": ["0.5s..1.5s"]})
]
Pause = Annotated[
    int | None,
    PlainValidator(_pause),
    WithJsonSchema({"anyOf": [{"const": False}, {"type": "string", "pattern": _DURATION_PATTERN}, _FROM_ENVIRONMENT]}),
]
Rate = Annotated[float, PlainValidator(_parsed(parse_rate)), _written(r"^\s*\d+(\.\d+)?\s*/\s*(s|m|h)\s*$", "1000/s")]
_SIZE = _written(r"^\s*\d+(\.\d+)?\s*([kKMGT]?B|[KMG]iB)\s*$", "64kB")
Size = Annotated[int, PlainValidator(_parsed(parse_size)), _SIZE]
Capacity = Annotated[int, PlainValidator(_positive(parse_size, "expected a size above 0")), _SIZE]
Statuses = Annotated[
    tuple[int, ...],
    PlainValidator(_statuses),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
]
Numbers = Annotated[range, PlainValidator(_number_range), WithJsonSchema({"type": "string", "examples": ["1..10000"]})]

Rows = Annotated[
    tuple[int, int | None],
    PlainValidator(_rows),
    WithJsonSchema({"type": ["integer", "string"], "examples": [1, "1..10", ">= 1"]}),
]
Process = Annotated[int | str, PlainValidator(_process), WithJsonSchema({"type": ["integer", "string"]})]
Pair = Annotated[
    tuple[str, str], PlainValidator(_pair), WithJsonSchema({"type": "array", "minItems": 2, "maxItems": 2})
]
Version = Annotated[int, PlainValidator(_version), WithJsonSchema({"const": 1})]


def word(*words: str) -> tuple[PlainValidator, WithJsonSchema]:
    """The annotations of a value that is one of a few words."""
    return PlainValidator(_one_of(*words)), WithJsonSchema({"enum": list(words)})
