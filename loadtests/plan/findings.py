"""Gathering every mistake of a plan document while it is read, so that all are reported at once.

Pydantic checks the shape of one mapping at a time; its errors become sentences here. What is wrong is left out and the
rest is read on, so one slip does not hide another.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from loadtests.errors import Mistake
from loadtests.plan.environment import Gap
from loadtests.plan.suggest import nearest
from loadtests.plan.yamlfile import Place, dotted

__all__ = ["Findings", "Misfit"]

_Shape = TypeVar("_Shape", bound=BaseModel)
_LONGEST_VALUE = 60
_ABSENT = object()


class Misfit(ValueError):
    """A value that does not fit, with the nearest valid spelling where there is one."""

    def __init__(self, rule: str, *, nearest: str | None = None) -> None:
        super().__init__(rule)
        self.nearest = nearest


class Findings:
    """The mistakes found so far, and the places they were found at.

    `shown` is the document with its secrets hidden: what messages may quote.
    """

    def __init__(self, shown: Any, lines: Mapping[Place, int | None], mistakes: Iterable[Mistake] = ()) -> None:
        self._shown = shown
        self._lines = lines
        self._settled: set[Place] = set()
        self.places: list[Place] = []
        self.mistakes = list(mistakes)

    def note(self, place: Place, rule: str, *, near: str | None = None, quote: bool = True) -> None:
        """One more mistake; the value as written is quoted from the document unless `quote` is off."""
        if place in self._settled:
            return
        value = self._value(place) if quote else _ABSENT
        written = None if value is _ABSENT or isinstance(value, dict) else _written(value)
        self.places.append(place)
        self.mistakes.append(Mistake(self._path(place), rule, written, near, self._line(place)))

    def note_gap(self, gap: Gap) -> None:
        """A reference to the environment that has no value; nothing more is said of its place."""
        self.places.append(gap.place)
        self.mistakes.append(Mistake(self._path(gap.place), gap.rule, gap.reference, gap.near, self._line(gap.place)))
        self._settled.add(gap.place)

    def damaged(self, place: Place) -> bool:
        """Whether something at or below the place is wrong, so that nothing should be concluded from it."""
        return any(found[: len(place)] == place for found in self.places)

    def shape(self, model: type[_Shape], value: Any, place: Place) -> _Shape | None:
        """The value as `model`, without the parts that are wrong; `None` when too little is left."""
        if not isinstance(value, dict):
            self.note(place, f"expected a mapping with {_listed(_keys(model))}")
            return None
        try:
            return model.model_validate(value)
        except ValidationError as error:
            details = error.errors(include_url=False)
        for detail in details:
            self._translate(model, detail, place)
        wrong = {str(detail["loc"][0]) for detail in details}
        try:
            return model.model_validate({key: part for key, part in value.items() if key not in wrong})
        except ValidationError:
            return None

    def mapping(self, value: Any, place: Place, *, of: str) -> dict[str, Any]:
        """The value as a mapping; anything else is a mistake and counts as empty."""
        if isinstance(value, dict):
            return value
        if value is not None:
            self.note(place, f"expected a mapping of {of}")
        return {}

    def sequence(self, value: Any, place: Place, *, of: str) -> list[Any]:
        """The value as a list; anything else is a mistake and counts as empty."""
        if isinstance(value, list):
            return value
        if value is not None:
            self.note(place, f"expected a list of {of}")
        return []

    def _translate(self, model: type[BaseModel], detail: ErrorDetails, place: Place) -> None:
        here = (*place, *detail["loc"])
        kind, cause = detail["type"], detail.get("ctx", {}).get("error")
        if kind == "missing":
            self.note(here, "is required", quote=False)
        elif kind == "extra_forbidden":
            near = nearest(detail["loc"][-1], _keys(model))
            self.note(here, f"unknown key; expected {_listed(_keys(model))}", near=near, quote=False)
        elif isinstance(cause, Misfit):
            self.note(here, str(cause), near=cause.nearest)
        else:
            self.note(here, str(cause) if cause else "has the wrong shape")

    def _value(self, place: Place) -> Any:
        value = self._shown
        for key in place:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return _ABSENT
        return value

    def _line(self, place: Place) -> int | None:
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place)

    def _path(self, place: Place) -> str:
        """Entries of lists by their name where they have one."""
        words: list[str | int] = []
        for length, key in enumerate(place, start=1):
            entry = self._value(place[:length]) if isinstance(key, int) else None
            name = entry.get("name") if isinstance(entry, dict) else None
            words.append(name if isinstance(name, str) and name else key)
        return dotted(tuple(words))


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _written(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
