"""A plan as it travels to another machine: its document and the files it names, with a digest over both.

The document holds secrets in the clear, as an engine process needs them; a worker keeps it in memory. Files land in a
directory of the worker's that is gone when it ends.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgpack

from loadtests.errors import UsageError
from loadtests.plan.loader import relocated
from loadtests.plan.model import Plan

__all__ = ["Parcel", "pack"]

_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Parcel:
    """Files by their path below the plan's directory (`files`) or below the directory of commands (`modules`)."""

    document: Mapping[str, Any]
    source: str
    files: Mapping[str, bytes]
    modules: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """Twelve hex digits over all of it."""
        whole = msgpack.packb([self.document, self.source, sorted(self.files.items()), sorted(self.modules.items())])
        return hashlib.sha256(whole).hexdigest()[:12]

    def to_wire(self) -> dict[str, Any]:
        """Plain data for msgpack."""
        return {
            "document": self.document,
            "source": self.source,
            "files": dict(self.files),
            "modules": dict(self.modules),
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> "Parcel":
        """The parcel that `to_wire` wrote."""
        return cls(**data)

    def unpack(self, into: Path) -> dict[str, Any]:
        """Write the files below `into`, from where modules are imported; the document, which finds its files there."""
        base = into / "plan"
        base.mkdir(parents=True, exist_ok=True)
        for root, found in ((base, self.files), (into, self.modules)):
            for name, content in found.items():
                path = root / _inside(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        return relocated(self.document, base)


def pack(plan: Plan, *, commands: Path) -> Parcel:
    """Everything that running `plan` takes; `commands` is where journeys are imported from, as in a local run."""
    base = Path(plan.source).absolute().parent
    named = {*_file_names(plan.unmasked), *_locustfiles(plan.unmasked, base, plan.source)}
    files = {name: _read(base / _portable(name, plan.source)) for name in sorted(named)}
    modules = {
        str(PurePosixPath(path.relative_to(commands))): _read(path)
        for name in sorted(set(_module_names(plan.unmasked)))
        for path in _sources(commands, name)
    }
    size = sum(map(len, files.values())) + sum(map(len, modules.values()))
    if size > _MOST_BYTES:
        raise UsageError(
            f"the files that {plan.source} names are {size / 2**20:.0f} MiB; at most {_MOST_BYTES // 2**20} can be "
            "sent to workers"
        )
    return Parcel(plan.unmasked, plan.source, files, modules)


def _file_names(document: Mapping[str, Any]) -> Iterator[str]:
    tls = (document.get("target") or {}).get("tls") or {}
    yield from (tls[key] for key in ("ca", "cert", "key") if tls.get(key) is not None)
    for scenario in document["scenarios"].values():
        for feeder in (scenario.get("data") or {}).values():
            yield from _file_of(feeder)
        for operation in scenario.get("operations") or ():
            yield from _file_of(operation)
            yield from () if operation.get("script") is None else [str(operation["script"])]
            for step in operation.get("steps") or ():
                yield from _file_of(step)


def _locustfiles(document: Mapping[str, Any], base: Path, source: str) -> Iterator[str]:
    """Locustfiles, and the modules that lie beside them."""
    for scenario in document["scenarios"].values():
        locustfile = (scenario.get("locust") or {}).get("locustfile")
        if locustfile is not None:
            folder = _portable(str(locustfile), source).parent
            yield from (str(folder / path.name) for path in (base / folder).glob("*.py"))


def _file_of(part: Mapping[str, Any]) -> Iterator[str]:
    if part.get("file") is not None:
        yield str(part["file"])


def _module_names(document: Mapping[str, Any]) -> Iterator[str]:
    for scenario in document["scenarios"].values():
        for operation in scenario.get("operations") or ():
            if operation.get("journey") is not None:
                yield str(operation["journey"]).partition(":")[0].partition(".")[0]


def _sources(commands: Path, module: str) -> list[Path]:
    """The files of a module of that name in `commands`; none when it is an installed one."""
    single = commands / f"{module}.py"
    return [single] if single.is_file() else sorted((commands / module).rglob("*.py"))


def _portable(name: str, source: str) -> PurePosixPath:
    try:
        return _inside(name)
    except ValueError:
        raise UsageError(
            f"{source} names the file {name}, which cannot be sent to workers: it must lie beside the plan or below"
        ) from None


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{name} leads out of its directory")
    return path


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"cannot read {path} to send it to workers: {(error.strerror or str(error)).lower()}"
        ) from None
