"""Text with `{{name}}` in it, taken apart once and joined per execution.

    template = (text | "{{" name "}}")*        spaces inside the braces do not count
    name     = a letter or "_", then letters, digits, "_", "-", "."

Values are put in as they are unless an `escape` for the place is given: `json_text` inside a JSON string, `url_text`
in a path, query or form.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

__all__ = ["Template", "json_text", "names_in", "url_text"]

_VARIABLE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w.-]*")


@dataclass(frozen=True, slots=True)
class Template:
    """Literal pieces and the names between them: one literal more than names."""

    literals: tuple[str, ...]
    names: tuple[str, ...]
    _encoded: tuple[bytes, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """The template that `text` is; raises `ValueError` where braces hold something that is no name."""
        pieces = _VARIABLE.split(text)
        names = tuple(piece.strip() for piece in pieces[1::2])
        for name in names:
            if not _NAME.fullmatch(name):
                raise ValueError("expected a variable name between {{ and }}, such as {{user}}")
        literals = tuple(pieces[::2])
        return cls(literals, names, tuple(literal.encode() for literal in literals))

    def render(self, values: Mapping[str, str], *, escape: Callable[[str], str] | None = None) -> str:
        """The text for one execution; a name without a value raises `KeyError` (the loader has ruled that out)."""
        if not self.names:
            return self.literals[0]
        parts = [self.literals[0]]
        for name, literal in zip(self.names, self.literals[1:], strict=True):
            parts += (values[name] if escape is None else escape(values[name]), literal)
        return "".join(parts)

    def render_bytes(self, values: Mapping[str, str], *, escape: Callable[[str], str] | None = None) -> bytes:
        """`render(…).encode()`, with the literal pieces encoded once for all."""
        if not self.names:
            return self._encoded[0]
        if len(self.names) == 1:
            value = values[self.names[0]]
            return self._encoded[0] + (value if escape is None else escape(value)).encode() + self._encoded[1]
        parts = [self._encoded[0]]
        for name, literal in zip(self.names, self._encoded[1:], strict=True):
            parts += ((values[name] if escape is None else escape(values[name])).encode(), literal)
        return b"".join(parts)


def names_in(value: Any) -> set[str]:
    """Every `{{name}}` in a text, or in the texts (keys too) of nested mappings and lists."""
    if isinstance(value, str):
        return set(Template.of(value).names)
    if isinstance(value, Mapping):
        return {name for pair in value.items() for part in pair for name in names_in(part)}
    if isinstance(value, list | tuple):
        return {name for part in value for name in names_in(part)}
    return set()


def json_text(value: str) -> str:
    """The value as it stands between the quotes of a JSON string."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def url_text(value: str) -> str:
    """The value percent-encoded for a path segment, a query or a form."""
    if value.isalnum() and value.isascii():  # most are; a tenth of the price of asking `quote`
        return value
    return quote(value, safe="")
