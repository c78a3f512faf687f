"""A pgbench script as a program: statements and meta-commands, with the jumps that \\if means.

Read are \\set, \\sleep, \\gset, \\if, \\elif, \\else and \\endif. What would run a shell or build a pipeline is
refused by name.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from loadtests.plan.pgbench.expression import Expression, ExpressionError, parse_expression
from loadtests.plan.sql import Sql, SqlError, first_end, pgbench_sql

__all__ = ["GIVEN", "Command", "Jump", "Run", "Script", "ScriptError", "Set", "Sleep", "parse_script"]

GIVEN = ("client_id", "random_seed", "default_seed", "scale")
"""Variables that every script has: those of pgbench. `scale` is the number of rows of pgbench_branches, if any."""

_BLANK = re.compile(r"(?:\s|;|--[^\n]*|/\*.*?\*/)*", re.DOTALL)
_LINE = re.compile(r"(?:[^\n\\]|\\\r?\n|\\(?!\r?\n))*")
_CONTINUED = re.compile(r"\\\r?\n")
_META = re.compile(r"\\(\w+)\s*(.*)", re.DOTALL)
_SET = re.compile(r"(\w+)\s+(.+)", re.DOTALL)
_SLEEP = re.compile(r"(:?\w+)\s*(us|ms|s)?", re.IGNORECASE)
_UNITS_NS = {"us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_REFUSED = ("shell", "setshell", "startpipeline", "syncpipeline", "endpipeline", "aset")


class ScriptError(ValueError):
    """A script that cannot be run here; the sentence names the line."""


@dataclass(frozen=True, slots=True)
class Run:
    """A statement; with `gset` its one row becomes variables, their names behind that prefix."""

    sql: Sql
    gset: str | None = None


@dataclass(frozen=True, slots=True)
class Set:
    """A variable gets the value of an expression."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Sleep:
    """A pause of so many units; the connection is kept."""

    amount: Expression
    unit_ns: int


@dataclass(frozen=True, slots=True)
class Jump:
    """On to command `to`, where there is a condition only if it is not true."""

    to: int
    unless: Expression | None = None


Command = Run | Set | Sleep | Jump


@dataclass(frozen=True, slots=True)
class Script:
    """A program; `text` is what it was read from, `builtin` its name when it is one of pgbench's own."""

    commands: tuple[Command, ...]
    text: str
    builtin: str | None = None

    @property
    def statements(self) -> tuple[Run, ...]:
        """Its statements in order."""
        return tuple(command for command in self.commands if isinstance(command, Run))

    @property
    def only_statement(self) -> Run | None:
        """The statement of a script that only computes its parameters and sends it, the same for all users."""
        *before, last = self.commands
        if not isinstance(last, Run) or last.gset is not None or "client_id" in last.sql.parameters:
            return None
        for command in before:
            if not isinstance(command, Set) or command.name in GIVEN or "client_id" in command.value.variables:
                return None
        return last


def parse_script(text: str, *, given: Collection[str] = GIVEN) -> Script:
    """The program in a script; raises `ScriptError`. `given` are the variables that have values beforehand."""
    reader = _Reader(text, given)
    try:
        reader.read()
    except (SqlError, ExpressionError, ScriptError) as error:
        raise ScriptError(f"line {reader.line}: {error}") from None
    if reader.open:
        raise ScriptError("an \\if has no \\endif")
    if not any(isinstance(command, Run) for command in reader.commands):
        raise ScriptError("the script sends no statement")
    return Script(tuple(reader.commands), text)


@dataclass(slots=True)
class _Branching:
    """An \\if that is not ended: the jump over its present branch, those that leave it, and whether \\else came."""

    skip: int | None
    leave: list[int]
    last: bool = False


class _Reader:
    def __init__(self, text: str, given: Collection[str]) -> None:
        self._text, self._position = text, 0
        self._known = set(given)
        self._metas: dict[str, Callable[[str], None]] = {
            "set": self._set,
            "sleep": self._sleep,
            "gset": self._gset,
            "if": self._if,
            "elif": self._elif,
            "else": self._else,
            "endif": self._endif,
        }
        self.commands: list[Command] = []
        self.open: list[_Branching] = []

    @property
    def line(self) -> int:
        """The line that is being read, from 1."""
        return self._text.count("\n", 0, self._position) + 1

    def read(self) -> None:
        """Take in the whole text."""
        while True:
            blank = _BLANK.match(self._text, self._position)
            self._position = self._position if blank is None else blank.end()
            if self._position == len(self._text):
                return
            if self._text[self._position] == "\\":
                self._meta()
            else:
                self._statement()

    def _statement(self) -> None:
        end, stop = first_end(self._text, self._position)
        if stop == "\\;":
            raise ScriptError("combined statements (\\;) are not supported: end each with ;")
        sql = pgbench_sql(self._text[self._position : end])
        self._note_unknown(sql.parameters)
        self.commands.append(Run(sql))
        self._position = end + (stop == ";")

    def _meta(self) -> None:
        line = _LINE.match(self._text, self._position)
        assert line is not None
        found = _META.match(_CONTINUED.sub(" ", line[0]))
        name = "" if found is None else found[1].lower()
        if name in _REFUSED:
            raise ScriptError(f"\\{name} is not supported; {', '.join(self._metas)} are")
        if found is None or name not in self._metas:
            known = ", ".join(self._metas)
            raise ScriptError(f"unknown meta-command {line[0].split()[0]}; expected {known}")
        self._metas[name](found[2].strip())
        self._position = line.end()

    def _set(self, rest: str) -> None:
        found = _SET.fullmatch(rest)
        if found is None:
            raise ScriptError("expected \\set name expression")
        value = self._expression(found[2])
        self._known.add(found[1])
        self.commands.append(Set(found[1], value))

    def _sleep(self, rest: str) -> None:
        found = _SLEEP.fullmatch(rest)
        if found is None:
            raise ScriptError("expected \\sleep number [us | ms | s]")
        self.commands.append(Sleep(self._expression(found[1]), _UNITS_NS[(found[2] or "s").lower()]))

    def _gset(self, rest: str) -> None:
        if not self.commands or not isinstance(self.commands[-1], Run):
            raise ScriptError("\\gset follows a statement, in the place of its semicolon")
        self.commands[-1] = replace(self.commands[-1], gset=rest)
        self._known.add(f"{rest}*")

    def _if(self, rest: str) -> None:
        self.open.append(_Branching(self._branch(rest), []))

    def _elif(self, rest: str) -> None:
        branching = self._next_branch("elif")
        branching.skip = self._branch(rest)

    def _else(self, _rest: str) -> None:
        branching = self._next_branch("else")
        branching.skip, branching.last = None, True

    def _endif(self, _rest: str) -> None:
        if not self.open:
            raise ScriptError("\\endif without \\if")
        branching = self.open.pop()
        for at in (*branching.leave, *([] if branching.skip is None else [branching.skip])):
            self._land(at)

    def _branch(self, condition: str) -> int:
        """A jump that skips what follows unless the condition holds; where to is not known yet."""
        self.commands.append(Jump(-1, self._expression(condition)))
        return len(self.commands) - 1

    def _next_branch(self, word: str) -> "_Branching":
        if not self.open or self.open[-1].last or self.open[-1].skip is None:
            raise ScriptError(f"\\{word} without \\if, or after \\else")
        branching = self.open[-1]
        self.commands.append(Jump(-1))
        branching.leave.append(len(self.commands) - 1)
        self._land(branching.skip)
        return branching

    def _land(self, at: int | None) -> None:
        """Let that jump lead to what comes next."""
        assert at is not None
        jump = self.commands[at]
        assert isinstance(jump, Jump)
        self.commands[at] = replace(jump, to=len(self.commands))

    def _expression(self, text: str) -> Expression:
        found = parse_expression(text)
        self._note_unknown(found.variables)
        return found

    def _note_unknown(self, names: Collection[str]) -> None:
        taken = tuple(name[:-1] for name in self._known if name.endswith("*"))
        for name in names:
            if name not in self._known and not name.startswith(taken or ("\0",)):
                raise ScriptError(f"the variable {name} has no value; give it one with \\set {name} …")
