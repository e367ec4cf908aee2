"""API keys: a file of names, scopes, namespaces and digests, read again when it changes.

A key is 256 random bits, so nobody finds it by trying: its SHA-256 is kept, plain, and needs neither salt nor slowness,
which protect what people make up. Who reads the file can use no key; who can write it can let anyone in.
"""

import hashlib
import hmac
import json
import logging
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fyke.errors import SettingsError
from fyke.service.keyfile import take_after
from fyke.service.passing import may_pass

log = logging.getLogger(__name__)

Scope = Literal["predict", "read", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
MOST_KEYS = 1000
MOST_NAMESPACES = 256
CHECK_SECONDS = 1.0
_NAME = r"^[A-Za-z0-9_.-]{1,64}$"
_OTHERS_WRITE = 0o022


class ApiKey(BaseModel):
    """What is kept of one key. ``rate`` is a limit of its own, like ``100/minute``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=_NAME)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: frozenset[Scope] = Field(min_length=1)
    namespace: str = Field(pattern=_NAME)
    rate: str | None = Field(None, pattern=r"^[1-9][0-9]{0,8}/(second|minute|hour|day)$")
    created: str = ""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    keys: tuple[ApiKey, ...] = Field(max_length=MOST_KEYS)

    @model_validator(mode="after")
    def _apart(self) -> "_File":
        for what, found in (("name", [key.name for key in self.keys]), ("key", [key.sha256 for key in self.keys])):
            if len(set(found)) < len(found):
                raise ValueError(f"two entries have one {what}")
        if len({key.namespace for key in self.keys}) > MOST_NAMESPACES:
            raise ValueError(f"more than {MOST_NAMESPACES} namespaces")
        return self


def digest(token: str) -> str:
    """What is kept of a key's text."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """The keys in a file.

    Raises:
        SettingsError: it cannot be read, is no file of keys, or can be written by others.
    """
    try:
        if path.stat().st_mode & _OTHERS_WRITE:
            raise SettingsError(f"FYKE_KEYS_FILE: others may write to {path}; run chmod 600 {path}.")
        return _File.model_validate_json(path.read_bytes()).keys
    except FileNotFoundError:
        raise SettingsError(f"FYKE_KEYS_FILE: no such file: {path}. Make it with: fyke keys add NAME") from None
    except OSError as error:
        raise SettingsError(f"FYKE_KEYS_FILE: {path} cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise SettingsError(
            f"FYKE_KEYS_FILE: {path} is no file of keys: {where}: {first['msg']}. "
            "Mend it, or make it anew with: fyke keys add NAME"
        ) from None


def write_keys(path: Path, keys: Sequence[ApiKey]) -> None:
    """Put a file of keys in its place at once: with the owner, group and mode of the old one, or yours and 0600.

    Raises:
        SettingsError: these cannot be kept in one file, or it cannot be written, or not with the old one's owner.
    """
    try:
        document = _File(keys=tuple(keys))
    except ValidationError as error:
        raise SettingsError(f"FYKE_KEYS_FILE: {error.errors()[0]['msg']}.") from None
    shown = json.dumps({"version": 1, "keys": [_shown(key) for key in document.keys]}, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, staged = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # with mode 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(shown)
                file.flush()
                take_after(descriptor, path)
                os.fsync(descriptor)
            Path(staged).replace(path)
        except BaseException:
            Path(staged).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(f"FYKE_KEYS_FILE: {path} cannot be written ({error.strerror}).") from error


def new_key(name: str, scopes: Iterable[str], namespace: str, rate: str | None = None) -> tuple[str, ApiKey]:
    """A key's text, which is shown once, and what is kept of it.

    Raises:
        SettingsError: the name, a scope or the namespace cannot be.
    """
    token = f"fyke_{secrets.token_urlsafe(32)}"
    try:
        kept = ApiKey.model_validate(
            {
                "name": name,
                "sha256": digest(token),
                "scopes": sorted(set(scopes)),
                "namespace": namespace,
                "rate": rate,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(
            f"{first['loc'][0]}: {first['msg']}. A name or namespace has 1 to 64 letters, digits, '_', '.' or '-'; "
            f"a scope is one of {', '.join(SCOPES)}; a rate is like 100/minute."
        ) from None
    return token, kept


class KeySet:
    """The keys in force: those of a file, looked at again at most once in `CHECK_SECONDS`.

    A file that is broken or gone leaves the keys as they are, and is said in the log once; what may pass by itself is
    tried again at each look. ``monotonic`` in seconds.

    Raises:
        SettingsError: as `read_keys`; at first there are no keys to go on with.
    """

    def __init__(self, path: Path, monotonic: Callable[[], float] = time.monotonic):
        self._path = path
        self._monotonic = monotonic
        self._listeners: list[Callable[[], None]] = []
        self._seen = self._look()
        self._keys = self._read()
        self._next = monotonic() + CHECK_SECONDS
        self._said = ""  # of why they cannot be read

    @property
    def namespaces(self) -> frozenset[str]:
        """Those of all keys."""
        return frozenset(key.namespace for key, _ in self._keys)

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """All keys in force."""
        return tuple(key for key, _ in self._keys)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever other keys are in force."""
        self._listeners.append(listener)

    def refresh(self) -> None:
        """Read the file again if it is time to look, and it has changed."""
        now = self._monotonic()
        if now < self._next:
            return
        self._next = now + CHECK_SECONDS
        seen = self._look()
        if seen == self._seen:
            return
        try:
            self._keys = self._read()
        except (SettingsError, MemoryError) as error:
            if not may_pass(error):
                self._seen, self._said = seen, ""
            said = str(error) or "FYKE_KEYS_FILE: there is no memory to read it."
            if said != self._said:
                log.error("%s The keys that were in force stay.", said)
            self._said = said
            return
        self._seen, self._said = seen, ""
        log.info("%d keys are in force", len(self._keys))
        for listener in self._listeners:
            listener()

    def find(self, token: bytes) -> ApiKey | None:
        """The key with this text. All are compared, in a time that does not depend on which one it is."""
        self.refresh()
        sought = hashlib.sha256(token).digest()
        found = None
        for key, kept in self._keys:
            if hmac.compare_digest(kept, sought):
                found = key
        return found

    def _read(self) -> list[tuple[ApiKey, bytes]]:
        return [(key, bytes.fromhex(key.sha256)) for key in read_keys(self._path)]

    def _look(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns


def _shown(key: ApiKey) -> dict[str, object]:
    return key.model_dump(exclude_none=True) | {"scopes": sorted(key.scopes)}
