"""The halt file."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from threet.adapters import files
from threet.adapters.files import FileHalt, write_durably


def test_a_halt_lasts_until_it_is_taken_back(tmp_path: Path) -> None:
    halt = FileHalt(tmp_path)
    assert not halt.is_halted()
    assert halt.reason() == ""
    halt.halt("ann", "the news")
    assert halt.is_halted()
    assert FileHalt(tmp_path).reason().startswith("ann at 20")
    assert halt.reason().endswith(": the news")
    halt.resume()
    assert not halt.is_halted()
    halt.resume()


def test_a_second_halt_keeps_the_first_reason(tmp_path: Path) -> None:
    halt = FileHalt(tmp_path)
    halt.halt("ann", "first")
    halt.halt("bob", "second")
    assert halt.reason().endswith("first")


@pytest.mark.parametrize("make", [lambda path: path.touch(), lambda path: path.mkdir(), lambda path: path.symlink_to("nowhere")])
def test_anything_of_that_name_halts(tmp_path: Path, make) -> None:
    make(tmp_path / "HALT")
    assert FileHalt(tmp_path).is_halted()


def test_a_folder_that_cannot_be_looked_into_is_an_error_never_not_halted(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        FileHalt(tmp_path / "gone").is_halted()
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        FileHalt(tmp_path / "file").is_halted()


def test_a_halt_makes_its_folder(tmp_path: Path) -> None:
    FileHalt(tmp_path / "state").halt("ann", "now")
    assert FileHalt(tmp_path / "state").is_halted()


def test_a_full_disk_halts_without_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_durably", full)
    FileHalt(tmp_path).halt("ann", "now")
    assert FileHalt(tmp_path).is_halted()
    assert FileHalt(tmp_path).reason() == ""


def test_a_durable_write_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_durably(tmp_path / "x", "one")
    write_durably(tmp_path / "x", "two")
    assert [file.name for file in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "two"
