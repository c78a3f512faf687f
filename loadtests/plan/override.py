"""`--set a.b=c`: one value of a plan document changed from outside, before anything else looks at it."""

from typing import Any

from loadtests.errors import Mistake
from loadtests.plan.suggest import nearest
from loadtests.plan.yamlfile import Place, scalar

__all__ = ["apply_override"]

_NAMED = ("scenarios", "suites")


def apply_override(document: Any, assignment: str, lines: dict[Place, int | None]) -> Mistake | None:
    """Set the value in `document`; entries of lists go by number or by name. `None` when it worked.

    Keys that are not there yet may be set (whether they mean something is for the reader of the plan to say), but a
    scenario, a suite or an entry of a list must exist.
    """
    path, equals, text = assignment.partition("=")
    if not equals or not path.strip():
        return Mistake("--set", "expected PATH=VALUE, such as scenarios.api.load.rate=500/s", assignment)
    try:
        value = scalar(text) if text.strip() else ""
    except ValueError as error:
        return Mistake(f"--set {path}", str(error))
    holder, words = document, path.strip().split(".")
    place: Place = ()
    while words:
        found = _entry(holder, words)
        if isinstance(found, str) or (len(place) == 1 and place[0] in _NAMED and found[0] not in holder):
            return _unknown(path, holder, words)
        key, words = found
        place = (*place, key)
        if words:
            holder = holder.setdefault(key, {}) if isinstance(holder, dict) else holder[key]
            continue
        holder[key] = value
        _forget_lines(lines, place)
    return None


def _entry(holder: Any, words: list[str]) -> tuple[Any, list[str]] | str:
    """The key of the entry that the first words name, and the words left; a key may itself hold dots."""
    if isinstance(holder, dict):
        for length in range(len(words), 0, -1):
            if ".".join(words[:length]) in holder:
                return ".".join(words[:length]), words[length:]
        return words[0], words[1:]
    if isinstance(holder, list):
        for length in range(len(words), 0, -1):
            for position, name in enumerate(map(_name, holder)):
                if name == ".".join(words[:length]):
                    return position, words[length:]
        if words[0].isdigit() and int(words[0]) < len(holder):
            return int(words[0]), words[1:]
    return "unknown"


def _unknown(path: str, holder: Any, words: list[str]) -> Mistake:
    valid = [str(key) for key in holder] if isinstance(holder, dict) else []
    if isinstance(holder, list):
        valid = [name or str(position) for position, name in enumerate(map(_name, holder))]
    if not valid:
        return Mistake(f"--set {path}", "there is nothing below that could be set", words[0])
    rule = f"there is no such entry; there is {', '.join(valid[:12])}"
    return Mistake(f"--set {path}", rule, words[0], nearest(words[0], valid))


def _name(entry: Any) -> str | None:
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else None


def _forget_lines(lines: dict[Place, int | None], place: Place) -> None:
    """What was set from outside stands on no line of the file."""
    for below in [known for known in lines if known[: len(place)] == place]:
        del lines[below]
    lines[place] = None
