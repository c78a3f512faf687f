"""Frames through pipes in a process that gevent runs: nothing here blocks more than the greenlet that asks."""

from collections.abc import Mapping
from typing import Any, BinaryIO

import gevent
from gevent.fileobject import FileObject
from gevent.queue import Queue

from loadtests.drive.wire import encode

__all__ = ["FrameWriter", "opened"]


def opened(descriptor: int, mode: str) -> BinaryIO:
    """The pipe of that descriptor as a file: `rb` waits for all bytes asked for, `wb` must be flushed."""
    file: BinaryIO = FileObject(descriptor, mode)
    return file


class FrameWriter:
    """Sends frames in the order in which they are put; a pipe whose other end is gone takes them without a word."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: Queue[bytes | None] = Queue()
        self._greenlet = gevent.spawn(self._write)

    def put(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Send a frame, soon."""
        self._waiting.put(encode(kind, payload))

    def close(self, within_s: float) -> None:
        """Send what is still waiting, as long as that takes no longer than `within_s`."""
        self._waiting.put(None)
        self._greenlet.join(within_s)
        self._greenlet.kill()

    def _write(self) -> None:
        while (data := self._waiting.get()) is not None:
            try:
                self._file.write(data)
                self._file.flush()
            except (OSError, ValueError):
                return
