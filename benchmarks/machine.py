"""The machine and versions a benchmark ran on, in lines that say nothing of its paths or its name."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime

from loadtests.result.environment import capture
from loadtests.units import format_bytes

__all__ = ["machine_lines"]


def machine_lines(versions: Mapping[str, str] | None = None) -> list[str]:
    """Markdown list items: date, machine (with all its cores, pinned or not), versions, also `versions` of peers."""
    environment = capture()
    machine = environment.machine
    memory = format_bytes(float(machine["memory_bytes"])) if "memory_bytes" in machine else "unknown memory"
    named = {**environment.versions, **(versions or {})}
    return [
        f"- {datetime.now(UTC):%Y-%m-%d}",
        f"- {machine.get('cpu')}, {os.cpu_count()} cores, {memory}, {machine['system']} {machine.get('kernel')}",
        f"- {', '.join(f'{name} {version}' for name, version in named.items())}",
    ]
