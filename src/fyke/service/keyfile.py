"""How a file of keys is replaced: by one change at a time, and with the owner it had."""

import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fyke.cache.embedded import take_lock
from fyke.errors import SettingsError

_PATIENCE = 30.0  # seconds; a change takes milliseconds
_KEPT_BITS = 0o644


@contextmanager
def changing(path: Path) -> Iterator[None]:
    """Read, change and write the file while no other process does: ``PATH.lock``, beside it, is held meanwhile.

    Windows has no such locks, and goes without.

    Raises:
        SettingsError: the lock is another user's, cannot be made, or is held for half a minute.
    """
    if sys.platform == "win32":
        yield
        return
    lock = path.with_name(f"{path.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        _make(lock, path)
        held = take_lock(lock, time.monotonic() + _PATIENCE)
    except OSError as error:
        raise SettingsError(
            f"FYKE_KEYS_FILE: {path} stays as it was, since {lock} cannot be locked ({error.strerror}). "
            "Run fyke keys as the user whom the file belongs to."
        ) from error
    if held is None:
        raise SettingsError(f"FYKE_KEYS_FILE: {path} stays as it was: another process holds {lock}. Try again.")
    try:
        yield
    finally:
        os.close(held)


def take_after(descriptor: int, path: Path) -> None:
    """Give an open file the owner, group and mode of the one at ``path``, if there is one.

    Raises:
        SettingsError: this user may not.
    """
    if sys.platform == "win32":
        return
    try:
        old = path.stat()
    except FileNotFoundError:
        return
    new = os.fstat(descriptor)
    try:
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            os.fchown(descriptor, old.st_uid, old.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode) & _KEPT_BITS)
    except PermissionError:
        raise SettingsError(
            f"FYKE_KEYS_FILE: {path} stays as it was: it belongs to user {old.st_uid}, group {old.st_gid}, and a file "
            f"of yours in its place might not be readable by the service. Run fyke keys as user {old.st_uid}."
        ) from None


def _make(lock: Path, path: Path) -> None:
    """A lock that is new belongs to whom the keys belong to. One that is there is left alone: it may be a link."""
    with suppress(FileExistsError):
        descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            take_after(descriptor, path)
            os.fchmod(descriptor, 0o600)
        except BaseException:
            lock.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
