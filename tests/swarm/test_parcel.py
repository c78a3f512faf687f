"""A plan travels with the files it names, and nothing else can be written by it."""

from pathlib import Path

import msgpack
import pytest

from loadtests.errors import UsageError
from loadtests.plan.loader import load_plan, plan_from_document
from loadtests.swarm.parcel import Parcel, pack

PLAN = """
version: 1
target: {http: "http://127.0.0.1:9", database: "postgresql://127.0.0.1/x"}
scenarios:
  s:
    driver: http
    load: {rate: 10/s, duration: 1s}
    operations:
      - {name: post, request: POST /, file: bodies/order.json, headers: {authorization: "Bearer ${TOKEN}"}}
      - {name: buy, journey: "shop.buying:buy"}
    data: {user: {file: users.csv}}
  d:
    driver: database
    load: {rate: 10/s, duration: 1s}
    operations: [{name: mine, script: mine.pgbench}]
  l:
    driver: locust
    load: {users: 1, duration: 1s}
    locust: {locustfile: shopping/users.py}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with a plan and all it names, and with what it does not."""
    home = tmp_path / "home"
    for name, content in {
        "plan.yaml": PLAN,
        "users.csv": "user\nann\nbob\n",
        "bodies/order.json": "{}",
        "shop/__init__.py": "",
        "shop/buying.py": "async def buy(user): ...",
        "mine.pgbench": "SELECT 1;",
        "shopping/users.py": "import baskets",
        "shopping/baskets.py": "",
        "shopping/notes.txt": "not a module",
        "secret.txt": "not yours",
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content)
    return home


def test_a_plan_means_the_same_where_its_files_have_gone(home: Path, tmp_path: Path) -> None:
    """Data, bodies and journeys come along, through msgpack; the token too, since engine processes need it."""
    plan = load_plan(home / "plan.yaml", environ={"TOKEN": "s3cret-token"})
    sent = pack(plan, commands=home)
    assert sorted([*sent.files, *sent.modules]) == [
        "bodies/order.json",
        "mine.pgbench",
        "shop/__init__.py",
        "shop/buying.py",
        "shopping/baskets.py",
        "shopping/users.py",
        "users.csv",
    ]
    came = Parcel.from_wire(msgpack.unpackb(msgpack.packb(sent.to_wire())))
    assert came.digest == sent.digest
    document = came.unpack(tmp_path / "worker")
    (home / "users.csv").unlink()
    there = plan_from_document(document, source=came.source)
    assert there.scenarios == plan.scenarios
    assert "s3cret-token" in there.secrets
    assert (tmp_path / "worker" / "shop" / "buying.py").exists()


def test_the_digest_tells_files_apart_too(home: Path) -> None:
    """The same plan with other users is another run."""
    plan = load_plan(home / "plan.yaml", environ={"TOKEN": "t"})
    before = pack(plan, commands=home).digest
    (home / "users.csv").write_text("user\ncid\n")
    assert pack(plan, commands=home).digest != before


def test_a_file_from_elsewhere_cannot_be_sent(home: Path) -> None:
    """Its path would mean another file on a worker."""
    text = PLAN.replace("users.csv", "../users.csv")
    (home / "plan.yaml").write_text(text)
    (home.parent / "users.csv").write_text("user\nann\n")
    plan = load_plan(home / "plan.yaml", environ={"TOKEN": "t"})
    with pytest.raises(UsageError, match=r"names the file \.\./users\.csv, which cannot be sent to workers"):
        pack(plan, commands=home)


@pytest.mark.parametrize("name", ["../out.py", "/tmp/out.py", "a/../../out.py"])
def test_nothing_is_written_outside_the_workers_directory(name: str, tmp_path: Path) -> None:
    """A master is believed in much, not in that."""
    with pytest.raises(ValueError, match="leads out"):
        Parcel({"enclosed": {}}, "plan.yaml", {}, {name: b""}).unpack(tmp_path / "worker")
