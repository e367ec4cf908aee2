"""Keys: what an entry is filed under, and the secret that names and seals it.

    fyke:1:<namespace>:<model id>:<digest>

The digest is 128 bits of BLAKE2b (RFC 7693) over the canonical bytes, keyed with a key derived from the
secret, the namespace and the model id. Who can read the store but lacks the secret can neither read a text
nor test whether one was seen.
"""

import hashlib
import re

from fyke.errors import ModelError, SettingsError

PREFIX = "fyke:1"
LEASES = "fyke:lease:"  # before a key: the lease on computing it
PUBLIC_SECRET = b"no secret was set: digests can be tested by anyone who reads the store"

_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MODEL_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_KEY = re.compile(rf"{PREFIX}:([A-Za-z0-9_.-]{{1,64}}):([A-Za-z0-9_.-]{{1,128}}):([0-9a-f]{{32}})")
_SEAL_BYTES = 16


class Keyring:
    """Makes keys and seals for one secret, one namespace and one model.

    Raises:
        SettingsError: the namespace has characters that a key cannot hold.
        ModelError: the model id has.
    """

    def __init__(self, secret: bytes, namespace: str, model_id: str):
        check_namespace(namespace)
        if not _MODEL_ID.fullmatch(model_id):
            raise ModelError(
                f"The model id {model_id!r} cannot be used: give 1 to 128 letters, digits, '_', '.' or '-'."
            )
        self.prefix = f"{PREFIX}:{namespace}:{model_id}:"
        root = hashlib.blake2b(secret, digest_size=32, person=b"fyke secret v1").digest()
        scope = f"{namespace}:{model_id}".encode()
        self._digest_key = hashlib.blake2b(scope, key=root, digest_size=32, person=b"fyke digest").digest()
        self._seal_key = hashlib.blake2b(scope, key=root, digest_size=32, person=b"fyke seal").digest()

    def key(self, canonical: bytes) -> str:
        """The key of an item with these canonical bytes."""
        digest = hashlib.blake2b(canonical, digest_size=16, key=self._digest_key)
        return self.prefix + digest.hexdigest()

    def seal(self, key: str, body: bytes) -> bytes:
        """16 bytes that only the secret's holder can compute for this body under this key."""
        mac = hashlib.blake2b(key.encode(), digest_size=_SEAL_BYTES, key=self._seal_key)
        mac.update(body)
        return mac.digest()


def check_namespace(namespace: str) -> None:
    """Refuse a namespace that could be mistaken for another part of a key.

    Raises:
        SettingsError: as said.
    """
    if not _NAMESPACE.fullmatch(namespace):
        raise SettingsError(
            f"The namespace {namespace!r} cannot be used (FYKE_CACHE_NAMESPACE): "
            "give 1 to 64 letters, digits, '_', '.' or '-'."
        )


def parts(key: str) -> tuple[str, str, str] | None:
    """Namespace, model id and digest of a key; None when it is not one of ours."""
    found = _KEY.fullmatch(key)
    return None if found is None else (found[1], found[2], found[3])


def scope(namespace: str | None = None, model_id: str | None = None) -> str:
    """The prefix that a listing or a purge covers: everything, a namespace, or one model in it."""
    if namespace is None:
        return f"{PREFIX}:"
    return f"{PREFIX}:{namespace}:" + (f"{model_id}:" if model_id else "")
