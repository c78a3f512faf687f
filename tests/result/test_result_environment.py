"""The environment is read, not guessed, and runs compare only when what matters agrees."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from result_samples import ENVIRONMENT, document

from loadtests import __version__
from loadtests.result.environment import build_name, capture, comparability, comparability_facts
from loadtests.result.run import Environment


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_this_machine_is_described() -> None:
    found = capture()
    assert found.machine["cpu"]
    assert found.machine["cores"] >= 1
    assert found.machine["memory_bytes"] > 2**20
    assert {"system", "kernel", "architecture"} <= set(found.machine)
    assert found.versions["loadtests"] == __version__
    assert set(found.versions) == {"python", "loadtests", "uvloop", "httptools", "numpy"}
    assert found.versions["python"].startswith("CPython 3.")


def test_the_machine_is_read_from_proc_and_sys(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/cpuinfo": "processor\t: 0\nmodel name\t: A Fast CPU @ 3GHz\n",
            "proc/meminfo": "MemFree: 1 kB\nMemTotal:  2048 kB\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "performance\n",
            "sys/fs/cgroup/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/memory.max": "1073741824\n",
        },
    )
    machine = capture(root).machine
    assert machine["cpu"] == "A Fast CPU @ 3GHz"
    assert machine["memory_bytes"] == 2048 * 1024
    assert machine["governor"] == "performance"
    assert machine["cpu_limit"] == 1.5
    assert machine["memory_limit_bytes"] == 2**30


@pytest.mark.parametrize(
    ("files", "limits"),
    [
        pytest.param({}, {}, id="no cgroup"),
        pytest.param({"cpu.max": "max 100000\n", "memory.max": "max\n"}, {}, id="v2 without limits"),
        pytest.param({"cpu.max": "nonsense\n", "memory.max": "\n"}, {}, id="unreadable text"),
        pytest.param(
            {
                "cpu/cpu.cfs_quota_us": "50000\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "memory/memory.limit_in_bytes": "4096\n",
            },
            {"cpu_limit": 0.5, "memory_limit_bytes": 4096},
            id="v1 with limits",
        ),
        pytest.param(
            {
                "cpu/cpu.cfs_quota_us": "-1\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "memory/memory.limit_in_bytes": f"{2**63 - 4096}\n",
            },
            {},
            id="v1 without limits",
        ),
    ],
)
def test_container_limits_are_read_and_left_out_when_there_are_none(
    tmp_path: Path, files: dict[str, str], limits: dict[str, float]
) -> None:
    machine = capture(tree(tmp_path, {f"sys/fs/cgroup/{name}": text for name, text in files.items()})).machine
    assert {name: machine[name] for name in machine if name.endswith(("limit", "limit_bytes"))} == limits


@pytest.mark.parametrize(
    ("environ", "build"),
    [
        pytest.param({"LOADTESTS_BUILD": "v1.2 (mine)", "GITHUB_SHA": "a" * 40}, "v1.2 (mine)", id="ours wins, whole"),
        pytest.param({"GITHUB_SHA": "0123456789abcdef" * 2}, "0123456789ab", id="GitHub's commit, shortened"),
        pytest.param({"CI_COMMIT_SHA": "fedcba9876543210" * 2}, "fedcba987654", id="GitLab's commit, shortened"),
        pytest.param({"LOADTESTS_BUILD": "  "}, "unknown", id="blank is not given"),
    ],
)
def test_the_build_is_named_by_the_environment(tmp_path: Path, environ: dict[str, str], build: str) -> None:
    assert build_name(environ, directory=tmp_path) == build


def test_the_build_is_named_by_git_and_says_when_the_tree_differs(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "first")
    git("tag", "-a", "v3", "-m", "v3")
    assert build_name({}, directory=tmp_path) == "v3"
    (tmp_path / "file").write_text("two")
    assert build_name({}, directory=tmp_path) == "v3-dirty"


def test_without_git_the_build_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build_name({}, directory=tmp_path) == "unknown"


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    made: dict[str, Any] = document("api", "other")
    change(made)
    return made


def machine(**changes: Any) -> Environment:
    return replace(ENVIRONMENT, machine={**ENVIRONMENT.machine, **changes})


@pytest.mark.parametrize(
    ("plan", "environment"),
    [
        pytest.param(
            changed(lambda d: d["scenarios"]["api"].update(thresholds=["p99 < 1s"])), ENVIRONMENT, id="limits"
        ),
        pytest.param(changed(lambda d: d["target"].update(http="http://b:1")), ENVIRONMENT, id="addresses"),
        pytest.param(changed(lambda d: d["scenarios"]["other"].update(seed=1)), ENVIRONMENT, id="scenarios not run"),
        pytest.param(changed(lambda d: None), machine(memory_bytes=2**33 - 10**6), id="a few MB of memory"),
    ],
)
def test_what_may_differ_between_comparable_runs(plan: dict[str, Any], environment: Environment) -> None:
    usual = comparability(document("api", "other"), ENVIRONMENT, scenarios=["api"])
    assert comparability(plan, environment, scenarios=["api"]) == usual


@pytest.mark.parametrize(
    ("plan", "environment", "named"),
    [
        pytest.param(
            changed(lambda d: d["scenarios"]["api"].update(load={"rate": "20/s", "duration": "10s"})),
            ENVIRONMENT,
            "scenarios.api.load.rate",
            id="the load",
        ),
        pytest.param(
            changed(lambda d: d["scenarios"]["api"].update(operations=[{"name": "health", "law": "6ms"}])),
            ENVIRONMENT,
            "scenarios.api.operations.0.law",
            id="an operation",
        ),
        pytest.param(
            changed(lambda d: d["target"].update(instances=2)), ENVIRONMENT, "target.instances", id="instances"
        ),
        pytest.param(changed(lambda d: None), machine(cpu="another"), "machine.cpu", id="the machine"),
        pytest.param(changed(lambda d: None), machine(memory_bytes=2**34), "machine.memory", id="much more memory"),
        pytest.param(
            changed(lambda d: None),
            replace(ENVIRONMENT, versions={"python": "CPython 3.13"}),
            "versions.python",
            id="versions",
        ),
    ],
)
def test_what_makes_runs_incomparable_is_named(plan: dict[str, Any], environment: Environment, named: str) -> None:
    ours = comparability_facts(document("api", "other"), ENVIRONMENT, scenarios=["api"])
    theirs = comparability_facts(plan, environment, scenarios=["api"])
    assert {name for name in ours | theirs if ours.get(name) != theirs.get(name)} == {named}
    assert comparability(plan, environment, scenarios=["api"]) != comparability(
        document("api", "other"), ENVIRONMENT, scenarios=["api"]
    )


def test_kernels_compare_by_their_first_two_numbers() -> None:
    facts = comparability_facts(document("api"), machine(kernel="6.8.0-45-generic"))
    assert facts["machine.kernel"] == '"6.8"'


def test_the_hash_is_short_and_does_not_depend_on_the_order_of_keys() -> None:
    one = document("api", "other")
    turned = dict(reversed(one.items()))
    assert comparability(one, ENVIRONMENT) == comparability(turned, ENVIRONMENT)
    assert len(comparability(one, ENVIRONMENT)) == 12
