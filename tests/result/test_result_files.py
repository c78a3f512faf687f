"""Files grow by whole lines, finished ones appear whole, and a full disk is the generator's fault, said plainly."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtests.errors import GeneratorFault
from loadtests.result.files import AppendFile, atomic_write


def disk_with(room: int, monkeypatch: pytest.MonkeyPatch, *, error: int = errno.ENOSPC) -> None:
    """Lets `room` more bytes be written by os.write, as a nearly full disk does: a short write, then an error."""
    left = [room]
    real: Callable[..., int] = os.write

    def write(descriptor: int, data: memoryview) -> int:
        if left[0] == 0:
            raise OSError(error, os.strerror(error))
        written = real(descriptor, data[: left[0]])
        left[0] -= written
        return written

    monkeypatch.setattr("loadtests.result.files.os.write", write)


def test_lines_are_on_disk_only_after_a_flush(tmp_path: Path) -> None:
    file = AppendFile.create(tmp_path / "a")
    file.add(b"one")
    assert file.path.read_bytes() == b""
    file.flush()
    file.add(b"two")
    file.flush()
    file.close()
    assert file.path.read_bytes() == b"one\ntwo\n"


def test_a_flush_makes_one_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    real = os.write
    monkeypatch.setattr("loadtests.result.files.os.write", lambda fd, data: calls.append(len(data)) or real(fd, data))
    file = AppendFile.create(tmp_path / "a")
    for _ in range(100):
        file.add(b"line")
    file.flush()
    file.close()
    assert calls == [500]


def test_a_file_that_exists_is_never_appended_to(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(GeneratorFault, match="a: file exists"):
        AppendFile.create(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "old"


def test_after_a_full_disk_nothing_follows_the_torn_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = AppendFile.create(tmp_path / "a")
    with monkeypatch.context() as patched:
        disk_with(6, patched)
        file.add(b"one")
        file.add(b"two")
        with pytest.raises(GeneratorFault, match="a: the disk is full; free some space"):
            file.flush()
    file.add(b"three")
    with pytest.raises(GeneratorFault, match="the disk is full"):
        file.flush()
    file.close()
    assert file.path.read_bytes() == b"one\ntw"


def test_a_closed_file_takes_nothing_more_and_says_so(tmp_path: Path) -> None:
    file = AppendFile.create(tmp_path / "a")
    file.close()
    file.close()
    with pytest.raises(GeneratorFault, match="closed already"):
        file.flush()


def test_a_finished_file_replaces_the_older_one_whole_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    atomic_write(path, "old")
    atomic_write(path, "neu é")
    atomic_write(tmp_path / "b", b"\x00\xff")
    assert path.read_bytes() == "neu é".encode()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["b", "report.json"]


@pytest.mark.parametrize("room", [0, 2])
def test_a_full_disk_keeps_the_older_file_and_leaves_no_half_of_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    with monkeypatch.context() as patched:
        disk_with(room, patched)
        with pytest.raises(GeneratorFault, match="the disk is full"):
            atomic_write(path, "new one")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


def test_any_other_refusal_is_named(tmp_path: Path) -> None:
    with pytest.raises(GeneratorFault, match="no such file or directory"):
        atomic_write(tmp_path / "missing" / "a", "text")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_the_kernels_own_full_device_gives_the_same_fault(tmp_path: Path) -> None:
    file = AppendFile(tmp_path / "a", os.open("/dev/full", os.O_WRONLY))
    file.add(b"one")
    with pytest.raises(GeneratorFault, match="the disk is full"):
        file.flush()
    file.close()
