"""Where a run is made, which build it measures, and what makes two runs comparable.

Reads `/proc`, `/sys` and git; whatever cannot be read is left out, never guessed.
"""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypeGuard

from loadtests.result.run import Environment

__all__ = ["branch_name", "build_name", "capture", "comparability", "comparability_digest", "comparability_facts"]

_PACKAGES = ("loadtests", "uvloop", "httptools", "numpy")
_BUILD_VARIABLES = ("LOADTESTS_BUILD", "GITHUB_SHA", "CI_COMMIT_SHA")
_BRANCH_VARIABLES = ("LOADTESTS_BRANCH", "GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME")
_SHORT_COMMIT = 12
_GIB = 2**30


def capture(root: Path = Path("/")) -> Environment:
    """The machine and the versions this process runs on; `root` is where `/proc` and `/sys` are looked for."""
    machine: dict[str, str | int | float | None] = {
        "cpu": _cpu_model(root),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": _memory_bytes(root),
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "governor": _first_line(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "cpu_limit": _cpu_limit(root / "sys/fs/cgroup"),
        "memory_limit_bytes": _memory_limit(root / "sys/fs/cgroup"),
    }
    return Environment({name: value for name, value in machine.items() if value is not None}, _versions())


def build_name(environ: Mapping[str, str] = os.environ, *, directory: Path | None = None) -> str:
    """The build under test: `LOADTESTS_BUILD`, else the CI's commit, else `git describe` of `directory`.

    `unknown` when none of them says; set `LOADTESTS_BUILD` when the target is not built from the current directory.
    """
    for variable in _BUILD_VARIABLES:
        value = environ.get(variable, "").strip()
        if value:
            return value if variable == "LOADTESTS_BUILD" else value[:_SHORT_COMMIT]
    return _git(directory, "describe", "--always", "--dirty") or "unknown"


def branch_name(environ: Mapping[str, str] = os.environ, *, directory: Path | None = None) -> str | None:
    """The branch under test: `LOADTESTS_BRANCH`, else the CI's, else what `directory` has checked out; or `None`."""
    for variable in _BRANCH_VARIABLES:
        value = environ.get(variable, "").strip()
        if value:
            return value
    return _git(directory, "symbolic-ref", "--quiet", "--short", "HEAD")


def comparability(
    document: Mapping[str, Any], environment: Environment, *, scenarios: Sequence[str] | None = None
) -> str:
    """Twelve hex digits that agree exactly when `comparability_facts` do."""
    return comparability_digest(comparability_facts(document, environment, scenarios=scenarios))


def comparability_digest(facts: Mapping[str, str]) -> str:
    """Twelve hex digits that agree exactly when the facts do, in whatever order they come."""
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()[:12]


def comparability_facts(
    document: Mapping[str, Any], environment: Environment, *, scenarios: Sequence[str] | None = None
) -> dict[str, str]:
    """What must agree before two runs are compared, by dotted name, so that a difference can be named.

    From the plan: the scenarios run (all when `None`) without their thresholds, and `target.instances`; addresses
    may differ. From the environment: the machine (memory in whole GiB, kernel by its first two numbers) and versions.
    """
    chosen = document.get("scenarios", {})
    plan = {
        name: {key: value for key, value in scenario.items() if key != "thresholds"}
        for name, scenario in chosen.items()
        if scenarios is None or name in scenarios
    }
    machine = dict(environment.machine)
    if "memory_bytes" in machine:
        machine["memory"] = f"{round(float(machine.pop('memory_bytes')) / _GIB)} GiB"
    if "kernel" in machine:
        machine["kernel"] = ".".join(str(machine["kernel"]).split(".")[:2])
    facts = {
        "target": {"instances": document.get("target", {}).get("instances", 1)},
        "scenarios": plan,
        "machine": machine,
        "versions": environment.versions,
    }
    return dict(_flatten(facts))


def _flatten(value: Any, path: str = "") -> Iterable[tuple[str, str]]:
    """Leaves of nested mappings and lists by dotted path, each as JSON; an empty container is a leaf."""
    if isinstance(value, Mapping) and value:
        children = [(str(key), child) for key, child in value.items()]
    elif isinstance(value, list | tuple) and value:
        children = [(str(position), child) for position, child in enumerate(value)]
    else:
        yield path, json.dumps(value, sort_keys=True, default=str)
        return
    for key, child in children:
        yield from _flatten(child, f"{path}.{key}" if path else key)


def _versions() -> dict[str, str]:
    found = {"python": f"{platform.python_implementation()} {platform.python_version()}"}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _cpu_model(root: Path) -> str:
    for text in _lines(root / "proc/cpuinfo"):
        key, _, value = text.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _memory_bytes(root: Path) -> int | None:
    for text in _lines(root / "proc/meminfo"):
        if text.startswith("MemTotal:"):
            return int(text.split()[1]) * 1024
    return None


def _cpu_limit(cgroup: Path) -> float | None:
    """Cores' worth of CPU time a container grants (cgroup v2, then v1); `None` without a limit."""
    second = (_first_line(cgroup / "cpu.max") or "").split()
    first = [_first_line(cgroup / "cpu" / name) for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")]
    quota, period = second if len(second) == 2 else first
    if not _is_count(quota) or not _is_count(period):
        return None
    return int(quota) / int(period)


def _memory_limit(cgroup: Path) -> int | None:
    """Bytes a container may use (cgroup v2, then v1); `None` without a limit, which v1 writes as a huge number."""
    text = _first_line(cgroup / "memory.max") or _first_line(cgroup / "memory" / "memory.limit_in_bytes")
    return int(text) if _is_count(text) and int(text) < 2**62 else None


def _is_count(text: str | None) -> TypeGuard[str]:
    """Whether a limit's text is a positive number, rather than `max`, `-1` or nothing."""
    return text is not None and text.isdecimal() and int(text) > 0


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _first_line(path: Path) -> str | None:
    found = _lines(path)
    return found[0].strip() if found else None


def _git(directory: Path | None, *command: str) -> str | None:
    given = ["git", *command]
    try:
        answer = subprocess.run(given, cwd=directory, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None
