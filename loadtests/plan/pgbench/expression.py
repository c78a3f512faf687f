"""pgbench's expressions: text to a function of the script's variables.

    expression = expression operator expression | ("-" | "+" | "~" | "NOT") expression
               | expression ("IS" ["NOT"] ("NULL" | "TRUE" | "FALSE") | "ISNULL" | "NOTNULL")
               | "(" expression ")" | function "(" [expression {"," expression}] ")"
               | "CASE" {"WHEN" expression "THEN" expression} ["ELSE" expression] "END"
               | ":" variable | number | "TRUE" | "FALSE" | "NULL"

Operators bind, from the loosest: OR, AND, NOT, IS, comparisons, bits (| # & << >>), + -, * / %, signs.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from loadtests.plan.pgbench.functions import FUNCTIONS, OPERATORS, EvaluationError, Value, truth, whole_range
from loadtests.plan.suggest import nearest

__all__ = ["Evaluate", "Expression", "ExpressionError", "Scope", "parse_expression"]

_TOKENS = re.compile(
    r"""\s*(?:(?P<number>\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+(?:[eE][+-]?\d+)?)"""
    r"""|:(?P<variable>\w+)|(?P<word>[^\W\d]\w*)|(?P<operator><<|>>|<=|>=|<>|!=|[-+*/%&|\#~<>=(),]))"""
)
_BINARY = {
    **dict.fromkeys(("<", "<=", ">", ">=", "=", "<>"), 5),
    **dict.fromkeys(("|", "#", "&", "<<", ">>"), 6),
    **dict.fromkeys(("+", "-"), 7),
    **dict.fromkeys(("*", "/", "%"), 8),
}
_OR, _AND, _NOT, _IS, _SIGN = 1, 2, 3, 4, 9


class ExpressionError(ValueError):
    """The text is no expression."""


@dataclass(slots=True)
class Scope:
    """What an expression is computed in: the variables of one execution, and its next number in [0, 1)."""

    variables: Mapping[str, Value]
    draw: Callable[[], float]


Evaluate = Callable[[Scope], Value]

_NOWHERE = Scope({}, lambda: 0.0)
"""What a constant is computed in."""


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression as written, the variables in it, and what computes it (raises `EvaluationError`)."""

    text: str
    variables: frozenset[str]
    evaluate: Evaluate

    def knowing(self, values: Mapping[str, Value]) -> Evaluate:
        """What computes it where these variables never change: what depends on nothing else is computed now."""
        return _Parser(self.text, values).expression(0).run

    def __reduce__(self) -> tuple[Callable[[str], "Expression"], tuple[str]]:
        return parse_expression, (self.text,)


def parse_expression(text: str) -> Expression:
    """The expression in a text; raises `ExpressionError`."""
    parser = _Parser(text)
    evaluate = parser.expression(0)
    if parser.peek() is not None:
        raise ExpressionError(f"unexpected {parser.peek()} in {text}")
    return Expression(text, frozenset(parser.variables), evaluate.run)


@dataclass(frozen=True, slots=True)
class _Node:
    """A part of an expression; `constant` when it does not depend on variables or chance."""

    run: Evaluate
    constant: bool = False


def _folded(run: Evaluate, *parts: _Node) -> _Node:
    if not all(part.constant for part in parts):
        return _Node(run)
    try:
        value = run(_NOWHERE)
    except EvaluationError:
        return _Node(run)  # to be told when it is computed, as pgbench does
    return _Node(lambda _scope: value, constant=True)


class _Parser:
    def __init__(self, text: str, known: Mapping[str, Value] | None = None) -> None:
        self._text, self._known = text, known or {}
        self._tokens = _tokens(text)
        self._next = 0
        self.variables: set[str] = set()

    def peek(self) -> str | None:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else None

    def expression(self, floor: int) -> _Node:
        """An expression whose operators bind tighter than `floor`."""
        left = self._prefixed()
        while True:
            word = (self.peek() or "").lower()
            if word in _BINARY and _BINARY[word] > floor:
                self._next += 1
                left = _binary(word, left, self.expression(_BINARY[word]))
            elif word in ("or", "and") and (_OR if word == "or" else _AND) > floor:
                self._next += 1
                right = self.expression(_OR if word == "or" else _AND)
                left = _either(left, right) if word == "or" else _both(left, right)
            elif word in ("is", "isnull", "notnull") and floor < _IS:
                self._next += 1
                left = self._tested(word, left)
            else:
                return left

    def _prefixed(self) -> _Node:
        kind, token = self._take()
        word = token.lower()
        if kind == "number":
            value: Value = int(token) if token.isdigit() else float(token)
            return _Node(lambda _scope: value, constant=True)
        if kind == "variable":
            self.variables.add(token)
            if token in self._known:
                known = self._known[token]
                return _Node(lambda _scope: known, constant=True)
            return _Node(_variable(token))
        if token == "(":
            inner = self.expression(0)
            self._expect(")")
            return inner
        if token in ("-", "+", "~"):
            return self._signed(token)
        if word == "not":
            part = self.expression(_NOT)
            return _folded(lambda scope: _negated(part.run(scope)), part)
        if word in _CONSTANTS:
            return _Node(_CONSTANTS[word], constant=True)
        if word == "case":
            return self._case()
        if kind == "word":
            return self._call(word)
        raise ExpressionError(f"unexpected {token} in {self._text}")

    def _signed(self, sign: str) -> _Node:
        part, zero = self.expression(_SIGN), _Node(lambda _scope: 0, constant=True)
        if sign == "~":
            return _binary("#", part, _Node(lambda _scope: -1, constant=True))
        return _binary(sign, zero, part)

    def _tested(self, word: str, left: _Node) -> _Node:
        wanted: Value = None
        expected = word != "notnull"
        if word == "is":
            if (self.peek() or "").lower() == "not":
                self._next += 1
                expected = False
            what = self._take()[1].lower()
            if what not in _CONSTANTS:
                raise ExpressionError(f"expected NULL, TRUE or FALSE after IS in {self._text}")
            wanted = _CONSTANTS[what](_NOWHERE)
        return _folded(lambda scope: _is(left.run(scope), wanted) is expected, left)

    def _case(self) -> _Node:
        branches: list[tuple[_Node, _Node]] = []
        otherwise = _Node(lambda _scope: None, constant=True)
        while (word := self._take()[1].lower()) != "end":
            if word == "when":
                condition = self.expression(0)
                self._expect("then")
                branches.append((condition, self.expression(0)))
            elif word == "else" and branches:
                otherwise = self.expression(0)
            else:
                raise ExpressionError(f"expected WHEN, ELSE or END in {self._text}")

        def run(scope: Scope) -> Value:
            for condition, result in branches:
                if truth(condition.run(scope)):
                    return result.run(scope)
            return otherwise.run(scope)

        return _Node(run)

    def _call(self, name: str) -> _Node:
        if name not in FUNCTIONS:
            near = nearest(name, FUNCTIONS)
            hint = "" if near is None else f"; did you mean {near}?"
            raise ExpressionError(f"there is no function {name} here{hint}")
        self._expect("(")
        arguments: list[_Node] = []
        while self.peek() != ")":
            arguments.append(self.expression(0))
            if self.peek() != ")":
                self._expect(",")
        self._expect(")")
        fewest, most, function = FUNCTIONS[name]
        if len(arguments) < fewest or (most is not None and len(arguments) > most):
            expected = fewest if most == fewest else f"{fewest} to {most}" if most else f"at least {fewest}"
            raise ExpressionError(f"{name} takes {expected} arguments, got {len(arguments)}")
        if name == "random" and all(argument.constant for argument in arguments):
            return _Node(_drawn(*[argument.run(_NOWHERE) for argument in arguments]))
        parts = tuple(argument.run for argument in arguments)

        def run(scope: Scope) -> Value:
            return function(scope.draw, *[part(scope) for part in parts])

        return _Node(run) if name.startswith("random") else _folded(run, *arguments)

    def _take(self) -> tuple[str, str]:
        if self._next == len(self._tokens):
            raise ExpressionError(f"the expression ends too early: {self._text}")
        self._next += 1
        return self._tokens[self._next - 1]

    def _expect(self, token: str) -> None:
        if self._take()[1].lower() != token:
            raise ExpressionError(f"expected {token} in {self._text}")


_CONSTANTS: dict[str, Evaluate] = {
    "null": lambda _scope: None,
    "true": lambda _scope: True,
    "false": lambda _scope: False,
}


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    while position < len(text.rstrip()):
        match = _TOKENS.match(text, position)
        if match is None:
            raise ExpressionError(f"unexpected {text[position:].strip()[:1]} in {text}")
        kind = str(match.lastgroup)
        found.append((kind, "<>" if match[kind] == "!=" else match[kind]))
        position = match.end()
    return found


def _binary(symbol: str, left: _Node, right: _Node) -> _Node:
    compute, first, second = OPERATORS[symbol], left.run, right.run
    return _folded(lambda scope: compute(first(scope), second(scope)), left, right)


def _drawn(low: Value, high: Value) -> Evaluate:
    """`random` between constants, with their range worked out once."""
    try:
        first, last = whole_range(low, high)
    except EvaluationError:
        return lambda scope: FUNCTIONS["random"][2](scope.draw, low, high)  # to be told when it is computed
    span = last - first + 1
    return lambda scope: first + int(scope.draw() * span)


def _variable(name: str) -> Evaluate:
    def run(scope: Scope) -> Value:
        try:
            return scope.variables[name]
        except KeyError:
            raise EvaluationError(f"the variable {name} has no value") from None

    return run


def _either(left: _Node, right: _Node) -> _Node:
    """OR as pgbench computes it: the right side only where the left is false; a null on the left is the answer."""

    def run(scope: Scope) -> Value:
        first = left.run(scope)
        return first if first is None else truth(first) or _as_truth(right.run(scope))

    return _folded(run, left, right)


def _both(left: _Node, right: _Node) -> _Node:
    """AND as pgbench computes it: the right side only where the left is true; a null on the left is the answer."""

    def run(scope: Scope) -> Value:
        first = left.run(scope)
        return first if first is None else truth(first) and _as_truth(right.run(scope))

    return _folded(run, left, right)


def _as_truth(value: Value) -> Value:
    return None if value is None else truth(value)


def _negated(value: Value) -> Value:
    return None if value is None else not truth(value)


def _is(value: Value, wanted: Value) -> bool:
    if wanted is None:
        return value is None
    return isinstance(value, bool) and value == wanted
