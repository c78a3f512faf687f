"""How files of a run are written: appended in whole lines while running, finished ones beside and renamed.

A full disk, or any other refusal of this machine, is a fault of the generator's side and says so in one sentence.
"""

import errno
import os
from pathlib import Path
from typing import Self

from loadtests.errors import GeneratorFault

__all__ = ["AppendFile", "atomic_write"]


class AppendFile:
    """A file that only grows, by whole blocks of lines: buffered with `add`, on disk after `flush`.

    `flush` makes one write of everything buffered, so a reader sees whole lines and at worst one torn last line.
    After a failed write the file takes nothing more: a line after a torn one could not be told from it.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor
        self._pending = bytearray()
        self._fault: GeneratorFault | None = None

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new empty file; one that exists already is never touched."""
        try:
            return cls(path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666))
        except OSError as error:
            raise _fault(path, error) from error

    def add(self, line: bytes) -> None:
        """Buffer one line (without its newline)."""
        self._pending += line
        self._pending += b"\n"

    def flush(self) -> None:
        """Put everything buffered on disk (into the kernel: it survives `kill -9`, not a power cut)."""
        if self._fault is not None:
            raise self._fault
        if self._descriptor is None:
            raise GeneratorFault(f"cannot write {self.path}: it is closed already")
        block, self._pending = self._pending, bytearray()
        try:
            _write_all(self._descriptor, block)
        except OSError as error:
            self._fault = _fault(self.path, error)
            raise self._fault from error

    def close(self) -> None:
        """Give the file back; what was not flushed is dropped. Closing twice does no harm."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def atomic_write(path: Path, content: str | bytes) -> None:
    """Write a finished file beside its place and rename it there, so nobody ever sees half of it.

    An older file of that name is replaced only when the new one is whole on disk. Raises `GeneratorFault`.
    """
    data = content.encode() if isinstance(content, str) else content
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            _write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _fault(path, error) from error


def _write_all(descriptor: int, data: bytes | bytearray) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _fault(path: Path, error: OSError) -> GeneratorFault:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return GeneratorFault(
            f"cannot write {path}: the disk is full; free some space and run again "
            "(what was written until now can still be read)"
        )
    return GeneratorFault(f"cannot write {path}: {(error.strerror or str(error)).lower()}")
