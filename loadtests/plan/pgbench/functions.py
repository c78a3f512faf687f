"""What pgbench expressions compute with: 64-bit integers, doubles, booleans and null, and the functions over them.

`draw` gives the next number in [0, 1) of an execution. Formulas follow PostgreSQL's documentation of pgbench; which
numbers come out differs, since the generator does.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

__all__ = ["FUNCTIONS", "OPERATORS", "EvaluationError", "Value", "truth", "whole_range", "written"]

Value = int | float | bool | None
Draw = Callable[[], float]

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
_MASK = 2**64 - 1


class EvaluationError(ValueError):
    """An expression has no value: a division by zero, an overflow, a parameter out of range."""


def truth(value: Value) -> bool:
    """A condition's value; null is false, numbers are true unless zero."""
    return bool(value)


def written(value: Value) -> str | None:
    """The value as the text of a parameter; null stays none."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else f"{value:.15g}"


def _whole(value: Value) -> int:
    if isinstance(value, bool) or value is None:
        raise EvaluationError(f"expected a number, got {written(value) or 'null'}")
    if isinstance(value, int):
        return value
    if not math.isfinite(value) or not _LOWEST <= round(value) <= _HIGHEST:
        raise EvaluationError("double to int overflow")
    return round(value)


def _number(value: Value) -> int | float:
    if isinstance(value, bool) or value is None:
        raise EvaluationError(f"expected a number, got {written(value) or 'null'}")
    return value


def _fitting(value: int | float) -> int | float:
    if isinstance(value, int) and not _LOWEST <= value <= _HIGHEST:
        raise EvaluationError("bigint out of range")
    return value


def _arithmetic(compute: Callable[[Any, Any], Any]) -> Callable[[Value, Value], Value]:
    def apply(left: Value, right: Value) -> Value:
        return None if left is None or right is None else _fitting(compute(_number(left), _number(right)))

    return apply


def _bits(compute: Callable[[int, int], int]) -> Callable[[Value, Value], Value]:
    def apply(left: Value, right: Value) -> Value:
        return None if left is None or right is None else _signed(compute(_whole(left), _whole(right)))

    return apply


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Value], Value]:
    return lambda left, right: None if left is None or right is None else compare(left, right)


def _signed(value: int) -> int:
    value &= _MASK
    return value - 2**64 if value > _HIGHEST else value


def _divided(left: int | float, right: int | float) -> int | float:
    if right == 0:
        raise EvaluationError("division by zero")
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int | float, right: int | float) -> int:
    if right == 0:
        raise EvaluationError("division by zero")
    return int(math.copysign(abs(_whole(left)) % abs(_whole(right)), left))


OPERATORS: dict[str, Callable[[Value, Value], Value]] = {
    "+": _arithmetic(operator.add),
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(operator.mul),
    "/": _arithmetic(_divided),
    "%": _arithmetic(_remainder),
    "&": _bits(operator.and_),
    "|": _bits(operator.or_),
    "#": _bits(operator.xor),
    "<<": _bits(lambda left, right: left << (right & 63)),
    ">>": _bits(lambda left, right: left >> (right & 63)),
    "<": _compared(operator.lt),
    "<=": _compared(operator.le),
    ">": _compared(operator.gt),
    ">=": _compared(operator.ge),
    "=": _compared(operator.eq),
    "<>": _compared(operator.ne),
}


def whole_range(low: Value, high: Value) -> tuple[int, int]:
    """The ends of a range to draw from; raises `EvaluationError` where it is empty or none."""
    first, last = _whole(low), _whole(high)
    if first > last:
        raise EvaluationError(f"empty range given to random: {first} to {last}")
    return first, last


def _random(draw: Draw, low: Value, high: Value) -> Value:
    first, last = whole_range(low, high)
    return first + int(draw() * (last - first + 1))


def _exponential(draw: Draw, low: Value, high: Value, parameter: Value) -> Value:
    (first, last), steepness = whole_range(low, high), float(_number(parameter))
    if steepness <= 0:
        raise EvaluationError("the exponential parameter must be greater than zero")
    cut = math.exp(-steepness)
    share = -math.log(cut + (1.0 - cut) * (1.0 - draw())) / steepness
    return min(last, first + int((last - first + 1) * share))


def _gaussian(draw: Draw, low: Value, high: Value, parameter: Value) -> Value:
    (first, last), width = whole_range(low, high), float(_number(parameter))
    if width < 2.0:
        raise EvaluationError("the gaussian parameter must be at least 2.0")
    while True:
        deviate = math.sqrt(-2.0 * math.log(1.0 - draw())) * math.sin(2.0 * math.pi * draw())
        if -width <= deviate < width:
            return min(last, first + int((last - first + 1) * (deviate + width) / (2.0 * width)))


def _zipfian(draw: Draw, low: Value, high: Value, parameter: Value) -> Value:
    """Rejection inversion of an integer zeta distribution: Devroye, Non-Uniform Random Variate Generation, p. 550."""
    (first, last), exponent = whole_range(low, high), float(_number(parameter))
    if not 1.001 <= exponent <= 1000.0:
        raise EvaluationError("the zipfian parameter must be between 1.001 and 1000")
    count, base = last - first + 1, 2.0 ** (exponent - 1.0)
    while True:
        share, test = 1.0 - draw(), draw()
        found = math.floor(share ** (-1.0 / (exponent - 1.0))) if share > 1e-300 else count + 1
        if found > count:
            continue
        grown = (1.0 + 1.0 / found) ** (exponent - 1.0)
        if test * found * (grown - 1.0) / (base - 1.0) <= grown / base:
            return first + found - 1


def _fnv1a(value: Value, seed: Value) -> Value:
    result, rest = (0xCBF29CE484222325 ^ _whole(seed)) & _MASK, _whole(value) & _MASK
    for _ in range(8):
        result = ((result ^ (rest & 0xFF)) * 0x100000001B3) & _MASK
        rest >>= 8
    return _signed(result)


def _murmur2(value: Value, seed: Value) -> Value:
    factor = 0xC6A4A7935BD1E995
    mixed = (_whole(value) * factor) & _MASK
    mixed = ((mixed ^ (mixed >> 47)) * factor) & _MASK
    result = (((_whole(seed) & _MASK) ^ (8 * factor)) & _MASK) ^ mixed
    result = (result * factor) & _MASK
    result = ((result ^ (result >> 47)) * factor) & _MASK
    return _signed(result ^ (result >> 47))


def _real(compute: Callable[[float], float]) -> Callable[..., Value]:
    def apply(_draw: Draw, value: Value) -> Value:
        try:
            return None if value is None else compute(float(_number(value)))
        except (ValueError, OverflowError) as error:
            raise EvaluationError(str(error)) from None

    return apply


def _power(_draw: Draw, base: Value, exponent: Value) -> Value:
    if base is None or exponent is None:
        return None
    try:
        return float(math.pow(_number(base), _number(exponent)))
    except (ValueError, OverflowError) as error:
        raise EvaluationError(str(error)) from None


def _extreme(choose: Callable[[list[int | float]], int | float]) -> Callable[..., Value]:
    def apply(_draw: Draw, *values: Value) -> Value:
        numbers = [_number(value) for value in values]
        return choose([float(one) for one in numbers] if any(isinstance(one, float) for one in numbers) else numbers)

    return apply


FUNCTIONS: dict[str, tuple[int, int | None, Callable[..., Value]]] = {
    "abs": (1, 1, lambda _draw, value: abs(_number(value))),
    "debug": (1, 1, lambda _draw, value: value),
    "double": (1, 1, lambda _draw, value: float(_number(value))),
    "exp": (1, 1, _real(math.exp)),
    "greatest": (1, None, _extreme(max)),
    "hash": (1, 2, lambda _draw, value, seed=0: _murmur2(value, seed)),
    "hash_fnv1a": (1, 2, lambda _draw, value, seed=0: _fnv1a(value, seed)),
    "hash_murmur2": (1, 2, lambda _draw, value, seed=0: _murmur2(value, seed)),
    "int": (1, 1, lambda _draw, value: _whole(value)),
    "least": (1, None, _extreme(min)),
    "ln": (1, 1, _real(math.log)),
    "log": (1, 1, _real(math.log10)),
    "mod": (2, 2, lambda _draw, left, right: OPERATORS["%"](left, right)),
    "pi": (0, 0, lambda _draw: math.pi),
    "pow": (2, 2, _power),
    "power": (2, 2, _power),
    "random": (2, 2, _random),
    "random_exponential": (3, 3, _exponential),
    "random_gaussian": (3, 3, _gaussian),
    "random_zipfian": (3, 3, _zipfian),
    "sqrt": (1, 1, _real(math.sqrt)),
}
"""By name: fewest and most arguments, and what is called with `draw` and their values."""
