"""A journal that this version cannot read is named, with what it is and the way on."""

from __future__ import annotations

from pathlib import Path

import pytest

from threet_providence.journal import JournalError, read_segment


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"3TJ2" + b"\0" * 60, "a record of format 3TJ2 at byte 0"),
        (b"", "none"),
        (b"other" * 20, "a torn or damaged record at byte 0"),
    ],
)
def test_a_segment_without_a_readable_base_is_refused_by_name_with_the_way_on(tmp_path: Path, data: bytes, found: str) -> None:
    path = tmp_path / "journal-0-of-1-000000000000.3tj"
    path.write_bytes(data)
    with pytest.raises(JournalError) as refused:
        read_segment(path)
    assert str(path) in str(refused.value)
    assert found in str(refused.value)
    assert "move the folder" in str(refused.value)
    assert path.read_bytes() == data
