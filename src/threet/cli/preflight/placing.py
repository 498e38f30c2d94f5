"""Puts files where a service finds them, each whole or as it was before, wherever this is killed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from threet.adapters.files import fsync_folder

FILE_MODE = 0o444
"""Readable by all in a volume that only one service mounts: as which user a stock image reads it, nobody can know."""


def place(folder: Path, files: Mapping[str, str]) -> bool:
    """Makes ``folder`` hold exactly these files, and whether that was a change. Folders in it are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    changed = [name for name, text in files.items() if _write(folder / name, text.encode())]
    gone = [path for path in folder.iterdir() if path.name not in files and (path.is_symlink() or not path.is_dir())]
    for path in gone:
        path.unlink()
    if changed or gone:
        fsync_folder(folder)
    return bool(changed or gone)


def _write(path: Path, content: bytes) -> bool:
    if path.is_file() and not path.is_symlink() and path.read_bytes() == content and path.stat().st_mode & 0o777 == FILE_MODE:
        return False
    temporary = path.with_name(f".{path.name}.new")  # who reads the folder passes over names with a dot
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), FILE_MODE)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return True


def give(folder: Path, user: int, group: int) -> None:
    """Makes the folder and all in it this owner's. What a link points to keeps its own."""
    _give(folder, user, group)
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            _give(Path(parent, name), user, group)


def _give(path: Path, user: int, group: int) -> None:
    found = path.lstat()
    if (found.st_uid, found.st_gid) != (user, group):
        os.chown(path, user, group, follow_symlinks=False)
