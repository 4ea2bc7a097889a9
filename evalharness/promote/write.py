"""Files that are never seen half written: whole before, whole after, through kill -9 and power cuts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from evalharness.errors import PromoteError

READABLE = 0o644
"""Of a new file: the router usually runs as another user, and a routing table names keys' variables but holds no key."""
_PATIENCE_S = 30


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """
    The right to write a file, over all processes; the kernel ends it when its holder dies.

    Raises:
        PromoteError: If another process keeps it for 30 seconds, or the folder cannot be written.
    """
    lock = FileLock(f"{os.path.realpath(path)}.lock", mode=READABLE)
    try:
        lock.acquire(timeout=_PATIENCE_S)
    except Timeout:
        raise PromoteError(f"{path}: another process has been writing it for {_PATIENCE_S} s. End that one, then try again.") from None
    except OSError as error:
        raise PromoteError(f"{path}: cannot be written ({error.strerror}).") from error
    try:
        yield
    finally:
        lock.release()


def write(path: Path, text: str) -> None:
    """
    Put a text in a file at once; hold `exclusive(path)` meanwhile. An existing file keeps its mode, a symlink its target's place.

    Raises:
        PromoteError: If it cannot be written; the file is then as it was.
    """
    target = Path(os.path.realpath(path))
    # One name, not a random one: what a killed writer left is replaced by the next, and the lock keeps two from sharing it.
    draft = target.with_name(f".{target.name}.draft")
    try:
        mode = target.stat().st_mode & 0o777 if target.exists() else READABLE
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="ascii", newline="\n") as file:
            os.fchmod(file.fileno(), mode)  # the umask may have taken the router's right to read
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the new name is on disk only with its folder
        finally:
            os.close(folder)
    except OSError as error:
        raise PromoteError(f"{path}: cannot be written ({error.strerror}).") from error
