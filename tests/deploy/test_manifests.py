"""The Kubernetes manifests fit the published schemas, and say to the suite what it understands."""

from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from loadtests.cli.master import command as master
from loadtests.cli.worker import command as worker
from loadtests.plan.loader import load_plan

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
MANIFESTS = ["master.yaml", "master-service.yaml", "network-policy.yaml", "workers.yaml"]


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((FOLDER / name).read_text())
    return found


def container(name: str) -> dict[str, Any]:
    found: dict[str, Any] = read(name)["spec"]["template"]["spec"]["containers"][0]
    return found


def parsed(command: click.Command, name: str) -> dict[str, Any]:
    """What our command line makes of the container's arguments."""
    _, *arguments = container(name)["args"]
    return command.make_context("command", arguments).params


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_fits_the_schema_of_kubernetes(name: str) -> None:
    """With nothing in it that the schema does not know."""
    kubernetes_validate.validate(read(name), "1.31", strict=True)


def test_the_schema_checker_would_notice() -> None:
    """A misspelt key, and a number that should be text."""
    broken = read("workers.yaml")
    broken["spec"]["template"]["spec"]["containers"][0]["resource"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, "1.31", strict=True)


def test_all_manifests_are_part_of_the_kustomization() -> None:
    """Nothing is left out by `kubectl apply -k`, and what it names is there."""
    listed = read("kustomization.yaml")
    assert sorted(listed["resources"]) == sorted(MANIFESTS)
    on_disk = {path.name for path in FOLDER.glob("*.yaml")}
    assert on_disk == {*MANIFESTS, "kustomization.yaml", "plan.yaml"}
    assert listed["configMapGenerator"] == [{"name": "loadtests-plan", "files": ["plan.yaml"]}]


def test_master_and_workers_find_each_other() -> None:
    """Name, port and number agree, and so do the labels that the service and the policy go by."""
    told, lent = parsed(master, "master.yaml"), parsed(worker, "workers.yaml")
    service = read("master-service.yaml")
    assert lent["master_host"] == service["metadata"]["name"]
    (port,) = service["spec"]["ports"]
    assert told["bind_port"] == lent["master_port"] == port["port"]
    assert port["targetPort"] == container("master.yaml")["ports"][0]["name"]
    assert told["expect_workers"] == read("workers.yaml")["spec"]["replicas"]
    of_master = read("master.yaml")["spec"]["template"]["metadata"]["labels"]
    of_workers = read("workers.yaml")["spec"]["template"]["metadata"]["labels"]
    policy = read("network-policy.yaml")["spec"]
    assert service["spec"]["selector"] == policy["podSelector"]["matchLabels"] == of_master
    assert policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"] == of_workers


def test_a_worker_has_a_core_for_each_engine_process() -> None:
    """And they are its own: requests equal limits."""
    resources = container("workers.yaml")["resources"]
    assert resources["requests"] == resources["limits"]
    assert int(resources["limits"]["cpu"]) == parsed(worker, "workers.yaml")["processes"]


def test_the_plan_that_comes_with_them_is_one() -> None:
    """The scenario that the master is told to run is in it, and load may go to its target."""
    plan = load_plan(FOLDER / "plan.yaml", environ={})
    assert set(parsed(master, "master.yaml")["names"]) == set(plan.scenarios)
    assert str(plan.target.http).split("/")[2].split(":")[0] in plan.target.allow
