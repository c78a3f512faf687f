"""After the timings: what each benchmark noted beside them, as one line, because ratios are what must hold."""

from typing import Any

import pytest

from benchmarks.table import markdown_table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the notes of every benchmark that made some."""
    session: Any = getattr(terminalreporter.config, "_benchmarksession", None)
    noted = [(made.name, made.extra_info) for made in getattr(session, "benchmarks", ()) if made.extra_info]
    if noted:
        lines = [(name, ", ".join(f"{key} {value:,}" for key, value in notes.items())) for name, notes in noted]
        terminalreporter.write_line("")
        terminalreporter.write_line(markdown_table(("benchmark", "ns and ratios"), lines, left=2))
