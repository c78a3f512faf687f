"""A YAML 1.2 text as plain Python values, with the line of every entry and every duplicate key.

Values come from the composed nodes rather than from a constructor, because a constructor stops at the first mistake and
forgets where things stood. Dates stay text; anchors, aliases and `<<` merges work.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from loadtests.errors import Mistake

__all__ = ["Place", "YamlText", "dotted", "read_yaml", "scalar"]

Place = tuple[str | int, ...]
"""Where a value stands: the keys and positions that lead to it from the top of the file."""

_MOST_ENTRIES = 1_000_000
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class YamlText:
    """What was read: the value (`None` when nothing was), lines by place, and what is wrong with the text itself."""

    value: Any
    lines: dict[Place, int | None] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)


def read_yaml(text: str) -> YamlText:
    """The value of a one-document YAML text; text that is not YAML gives one mistake and no value."""
    try:
        node = YAML(typ="rt", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        return YamlText(None, mistakes=[Mistake("the file", _syntax_rule(str(error.problem)), line=line)])
    except YAMLError as error:
        return YamlText(None, mistakes=[Mistake("the file", f"expected YAML text: {str(error).splitlines()[0]}")])
    if node is None:
        return YamlText(None, mistakes=[Mistake("the file", "is empty; expected version, target and scenarios")])
    reading = _Reading()
    return YamlText(reading.value(node, ()), reading.lines, reading.mistakes)


def scalar(text: str) -> Any:
    """The plain value of one YAML text such as `5s`, `3`, `true` or `[a, b]`; raises `ValueError`."""
    read = read_yaml(text)
    if read.mistakes:
        raise ValueError("expected a YAML value")
    return read.value


def dotted(place: Place) -> str:
    """The place as a person writes it: `scenarios.api.load.rate`."""
    return ".".join(map(str, place)) or "the file"


class _Reading:
    def __init__(self) -> None:
        self.lines: dict[Place, int | None] = {}
        self.mistakes: list[Mistake] = []
        self._open: list[int] = []
        self._entries = 0

    def value(self, node: Node, place: Place) -> Any:
        self._entries += 1
        self.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, ScalarNode):
            return _plain(node)
        if id(node) in self._open or self._entries > _MOST_ENTRIES:
            self._note(place, "an anchor that refers to itself, or too many entries", node)
            return None
        self._open.append(id(node))
        found = self._mapping(node, place) if isinstance(node, MappingNode) else self._sequence(node, place)
        self._open.pop()
        return found

    def _sequence(self, node: Node, place: Place) -> list[Any]:
        return [self.value(item, (*place, position)) for position, item in enumerate(node.value)]

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._note(place, "expected plain text as a key", key_node)
                continue
            if key_node.tag == _TAG + "merge":
                merged = {**self._merged(value_node, place), **merged}
                continue
            key = str(key_node.value)
            here = (*place, key)
            if key in found:
                self._note(here, f"the key stands here a second time (first on line {self.lines[here]})", key_node)
                continue
            self.lines[here] = key_node.start_mark.line + 1
            found[key] = self.value(value_node, here)
        return {**merged, **found}

    def _merged(self, node: Node, place: Place) -> dict[str, Any]:
        sources = node.value if isinstance(node, SequenceNode) else [node]
        found: dict[str, Any] = {}
        for source in sources:
            taken = self.value(source, place)
            found = {**taken, **found} if isinstance(taken, dict) else found
        return found

    def _note(self, place: Place, rule: str, node: Node) -> None:
        self.mistakes.append(Mistake(dotted(place), rule, line=node.start_mark.line + 1))


def _plain(node: ScalarNode) -> Hashable:
    """Null, bool, int or float where YAML 1.2 says so, else text; a number too odd for Python stays text."""
    text, tag = str(node.value), str(node.tag).removeprefix(_TAG)
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    try:
        if tag == "int":
            return int(text.replace("_", ""), 0 if text.lstrip("+-").lower().startswith(("0x", "0o", "0b")) else 10)
        if tag == "float":
            return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        pass
    return text


def _syntax_rule(problem: str) -> str:
    if "\\t" in problem or "'\t'" in problem:
        return "expected YAML text: indent with spaces, not with tabs"
    if "mapping values are not allowed" in problem:
        return "expected YAML text: a colon stands where none can; put the value in quotes, or check the indentation"
    if "found unexpected end of stream" in problem or "expected the node content" in problem:
        return f"expected YAML text: a quote or bracket is not closed ({problem})"
    if "expected <block end>" in problem or "did not find expected" in problem:
        return "expected YAML text: the indentation does not fit the lines above"
    if "expected ',' or '}'" in problem:
        return "expected YAML text: within { }, put texts that hold ${NAME}, {{name}} or a comma in quotes"
    if "expected ',' or ']'" in problem:
        return "expected YAML text: within [ ], put texts that hold a bracket or a comma in quotes"
    if "another document" in problem:
        return "expected YAML text of one document: --- begins another"
    return f"expected YAML text: {problem}"
