"""`benchmarks/RESULTS.md`: one section per benchmark, each rewritten by its own `--write`, the others kept."""

import re
from pathlib import Path

__all__ = ["RESULTS", "with_section", "write_section"]

RESULTS = Path(__file__).with_name("RESULTS.md")

_HEAD = """# Results

Written by `--write` of the benchmarks. Absolute figures belong to the machine named; the ratios carry over.
"""


def write_section(title: str, body: str, *, path: Path = RESULTS) -> None:
    """Put `body` under the heading `title`, in place of what was there."""
    path.write_text(with_section(path.read_text() if path.exists() else _HEAD, title, body=body))


def with_section(document: str, title: str, *, body: str) -> str:
    """The document with that section replaced, or added at its end."""
    section = f"## {title}\n\n{body.strip()}\n"
    found = re.search(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", document, re.MULTILINE | re.DOTALL)
    if found is None:
        return f"{document.rstrip()}\n\n{section}"
    after = document[found.end() :]
    return document[: found.start()] + section + (f"\n{after}" if after else "")
