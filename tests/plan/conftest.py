from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from loadtests.errors import PlanError
from loadtests.plan.loader import load_plan
from loadtests.plan.model import Plan

HEAD = "version: 1\ntarget: {http: http://127.0.0.1:8080, metrics: http://127.0.0.1:8080/metrics}\n"
MINIMAL = """
scenarios:
  api:
    driver: http
    load: {rate: 100/s, duration: 1m}
    operations: [{name: health, request: GET /health}]
"""


class PlanFolder:
    """A folder in which plan files are written and read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.write_text(dedent(text))
        return path

    def load(
        self, text: str, *, overrides: tuple[str, ...] = (), environ: Mapping[str, str] | None = None, **more: str
    ) -> Plan:
        """The plan of a text (with the usual head when it starts with `scenarios`)."""
        text = dedent(text)
        whole = HEAD + text if text.lstrip().startswith("scenarios") else text
        return load_plan(self.write("plan.yaml", whole), overrides=overrides, environ=environ or {}, **more)

    def mistakes(self, text: str, **more: object) -> list[str]:
        """What is wrong with the text, without the line numbers."""
        with pytest.raises(PlanError) as caught:
            self.load(text, **more)
        return [str(mistake).partition(": ")[2] if mistake.line else str(mistake) for mistake in caught.value.mistakes]


@pytest.fixture
def folder(tmp_path: Path) -> PlanFolder:
    return PlanFolder(tmp_path)


@pytest.fixture
def minimal() -> str:
    return MINIMAL


@pytest.fixture
def api_with(folder: PlanFolder) -> Callable[..., Plan]:
    """Loads the minimal scenario with further lines in it."""

    def load(lines: str, **more: object) -> Plan:
        indented = "".join(f"    {line}\n" for line in dedent(lines).strip().splitlines())
        return folder.load(MINIMAL + indented, **more)

    return load
