"""SQL text as far as a client must understand it: what is code and what is quoted, and where parameters stand.

    operation   SELECT name FROM users WHERE id = {{user}}     ─▶  … WHERE id = $1      parameters: ("{{user}}",)
    pgbench     SELECT abalance FROM accounts WHERE aid = :aid  ─▶  … WHERE aid = $1     parameters: ("aid",)

Each place is a parameter of its own, as in pgbench: one name may stand where numbers and where texts are expected.
Quoted are 'texts', E'texts', "names", $tag$texts$tag$, -- and /* nested /* comments */ */: PostgreSQL, section 4.1.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Sql", "SqlError", "first_end", "named_sql", "numbered_sql", "pgbench_sql", "split_statements", "writes"]

_OPENERS = re.compile(
    r"""(?P<line>--[^\n]*)|(?P<block>/\*)|(?P<escaped>(?<![\w$])[eE]')|(?P<text>')|(?P<name>")"""
    r"""|(?P<dollar>(?<![\w$])\$(?:[^\W\d]\w*)?\$)"""
)
_CLOSERS = {
    "escaped": re.compile(r"(?:[^'\\]|\\.|'')*'", re.DOTALL),
    "text": re.compile(r"(?:[^']|'')*'"),
    "name": re.compile(r'(?:[^"]|"")*"'),
}
_WHAT = {"escaped": "quote", "text": "quote", "name": "double quote", "block": "comment", "dollar": "dollar quote"}
_BLOCK = re.compile(r"/\*|\*/")
_NAMED = re.compile(r"\{\{\s*([^\W\d][\w.-]*)\s*\}\}")
_NUMBERED = re.compile(r"(?<![\w$])\$(\d+)")
_COLON = re.compile(r"(?<![:\w]):([A-Za-z_0-9]*[A-Za-z_][A-Za-z_0-9]*)")
_STOP = re.compile(r";|\\;|\\")
_WORD = re.compile(r"[^\W\d]\w*")
_LOCKING = (("for", "update"), ("for", "share"), ("for", "no"), ("for", "key"))
_WRITERS = frozenset(
    {
        *("insert", "update", "delete", "merge", "truncate", "create", "drop", "alter", "grant", "revoke"),
        *("vacuum", "reindex", "cluster", "call", "lock"),
    }
)


class SqlError(ValueError):
    """The text is not what a client can send as one statement."""


@dataclass(frozen=True, slots=True)
class Sql:
    """One statement as it is sent, and for each `$n` in it what fills it; `places` says where in `written` they stood.

    `written` is the text as a person wrote it; `places` are (start, end) of what `$1`, `$2`, … replaced.
    """

    text: str
    parameters: tuple[str, ...] = ()
    written: str = ""
    places: tuple[tuple[int, int], ...] = ()

    def written_at(self, position: int) -> int:
        """Where in `written` the character at `position` (from 0) of `text` comes from."""
        shift = 0
        for number, (start, end) in enumerate(self.places, start=1):
            sent = start + shift
            if position < sent:
                break
            if position < sent + len(f"${number}"):
                return start
            shift += len(f"${number}") - (end - start)
        return position - shift


def named_sql(text: str) -> Sql:
    """The statement whose parameters stand in it as `{{name}}`; raises `SqlError`."""
    return _filled(_one(text), _NAMED, lambda name: "{{" + name + "}}")


def numbered_sql(text: str, parameters: tuple[str, ...]) -> Sql:
    """The statement that holds `$1`, `$2`, … already; raises `SqlError` when they are not just as many."""
    text = _one(text)
    used = {int(found[1]) for start, end in _code(text) for found in _NUMBERED.finditer(text, start, end)}
    if used != set(range(1, len(parameters) + 1)):
        spelled = ", ".join(f"${number}" for number in sorted(used)) or "none"
        raise SqlError(f"the statement holds {spelled}, and there are {len(parameters)} parameters")
    return Sql(text, parameters, text)


def pgbench_sql(text: str) -> Sql:
    """The statement whose parameters stand in it as `:name`."""
    return _filled(text.strip(), _COLON, lambda name: name)


def split_statements(text: str) -> list[tuple[int, str]]:
    """The statements that semicolons divide, each with the offset at which it starts; empty ones are left out."""
    cuts = [at for start, end in _code(text) for at in range(start, end) if text[at] == ";"]
    found, begin = [], 0
    for cut in (*cuts, len(text)):
        piece = text[begin:cut]
        if any(text[start:end].strip() for start, end in _within(text, begin, cut)):
            found.append((begin + len(piece) - len(piece.lstrip()), piece.strip()))
        begin = cut + 1
    return found


def first_end(text: str, start: int) -> tuple[int, str]:
    """Where the statement from `start` on ends, and what ends it: `;`, `\\;`, a meta-command's `\\`, or nothing."""
    for begin, end, kind in _regions(text, start):
        found = _STOP.search(text, begin, end) if kind == "code" else None
        if found is not None:
            return found.start(), found[0]
    return len(text), ""


def writes(text: str) -> bool:
    """Whether the statement looks as if it needed more than a read-only transaction."""
    words = [found[0].lower() for start, end in _code(text) for found in _WORD.finditer(text, start, end)]
    if not words:
        return False
    if words[0] == "copy":
        return "stdin" in words
    locks = any(pair in _LOCKING for pair in pairwise(words))
    return words[0] in _WRITERS or locks or (words[0] == "with" and bool(_WRITERS.intersection(words[1:])))


def _one(text: str) -> str:
    found = split_statements(text)
    if not found:
        raise SqlError("expected an SQL statement")
    if len(found) > 1:
        raise SqlError(f"expected one statement, got {len(found)}: give them as the list of a transaction")
    return found[0][1]


def _filled(text: str, pattern: re.Pattern[str], parameter: Callable[[str], str]) -> Sql:
    code = list(_code(text))
    found = [match for start, end in code for match in pattern.finditer(text, start, end)]
    if pattern is _NAMED:
        _refuse_quoted(text, {match.start() for match in found})
        if any(_NUMBERED.search(text, start, end) for start, end in code):
            raise SqlError("the statement holds $1: give what fills it as parameters")
    pieces, begin = [], 0
    for number, match in enumerate(found, start=1):
        pieces += [text[begin : match.start()], f"${number}"]
        begin = match.end()
    sent = "".join([*pieces, text[begin:]])
    return Sql(sent, tuple(parameter(match[1]) for match in found), text, tuple(match.span() for match in found))


def _refuse_quoted(text: str, filled: set[int]) -> None:
    for match in re.finditer(r"\{\{", text):
        if match.start() not in filled:
            end = text.find("}}", match.start())
            name = text[match.start() : end + 2] if end >= 0 else "{{"
            raise SqlError(
                f"{name} does not stand where SQL takes a parameter: not in quotes or comments (write 'a' || {name})"
            )


def _within(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """What of a stretch is not comment: quoted texts are part of a statement."""
    for start, stop, kind in _regions(text):
        if kind not in ("line", "block") and start < end and stop > begin:
            yield max(start, begin), min(stop, end)


def _code(text: str) -> Iterator[tuple[int, int]]:
    """The stretches that are neither quoted nor comment."""
    return ((start, end) for start, end, kind in _regions(text) if kind == "code")


def _regions(text: str, position: int = 0) -> Iterator[tuple[int, int, str]]:
    """(start, end, kind) of the text in order; raises `SqlError` on reaching a quote or comment that does not end."""
    while (opener := _OPENERS.search(text, position)) is not None:
        kind = str(opener.lastgroup)
        yield position, opener.start(), "code"
        end = _end(text, opener, kind)
        yield opener.start(), end, kind
        position = end
    yield position, len(text), "code"


def _end(text: str, opener: re.Match[str], kind: str) -> int:
    if kind == "line":
        return opener.end()
    if kind == "block":
        return _block_end(text, opener.end())
    if kind == "dollar":
        end = text.find(opener[0], opener.end())
        found = None if end < 0 else end + len(opener[0])
    else:
        closer = _CLOSERS[kind].match(text, opener.end())
        found = None if closer is None else closer.end()
    if found is None:
        raise SqlError(f"a {_WHAT[kind]} is not closed: {text[opener.start() : opener.start() + 30]}")
    return found


def _block_end(text: str, position: int) -> int:
    depth = 1
    for found in _BLOCK.finditer(text, position):
        depth += 1 if found[0] == "/*" else -1
        if not depth:
            return found.end()
    raise SqlError("a comment is not closed")
