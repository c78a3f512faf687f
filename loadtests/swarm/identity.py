"""Which code this is: machines that share a run must measure by the same one."""

import hashlib
from functools import lru_cache
from pathlib import Path

import loadtests

__all__ = ["identity", "mismatch"]


@lru_cache(1)
def identity() -> dict[str, str]:
    """Version, and a digest over the modules of this package, so that an edited copy is told apart."""
    root = Path(loadtests.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return {"version": loadtests.__version__, "code": digest.hexdigest()[:12]}


def mismatch(theirs: object) -> str | None:
    """Why a worker of that identity cannot take part; `None` when it can."""
    ours = identity()
    if theirs == ours:
        return None
    said = theirs if isinstance(theirs, dict) else {}
    return f"it runs loadtests {_named(said)}, the master {_named(ours)}; install the same on both"


def _named(said: dict[str, str]) -> str:
    return f"{said.get('version', 'unknown')} (code {said.get('code', 'unknown')})"
