"""Only what the secret sealed for a key opens under that key."""

from hypothesis import given
from hypothesis import strategies as st

from fyke.cache.entry import Entry, open_sealed, seal
from fyke.cache.keys import Keyring

RING = Keyring(b"secret", "default", "m1")
ENTRY = Entry(b"12345678", 1_000, 9_000, "first words")
TIMES = st.integers(0, 2**63)


@given(st.binary(), TIMES, TIMES, st.text(max_size=60))
def test_an_entry_survives_its_bytes(payload: bytes, created: int, expires: int, preview: str) -> None:
    """What was sealed opens unchanged."""
    entry = Entry(payload, created, expires, preview)
    assert open_sealed(seal(entry, "k", RING), "k", RING) == entry


def test_every_altered_byte_is_a_miss() -> None:
    """Each bit of each byte, each truncation, and a byte too many."""
    value = seal(ENTRY, "k", RING)
    for place in range(len(value)):
        for bit in range(8):
            altered = value[:place] + bytes((value[place] ^ (1 << bit),)) + value[place + 1 :]
            assert open_sealed(altered, "k", RING) is None
        assert open_sealed(value[:place], "k", RING) is None
    assert open_sealed(value + b"\0", "k", RING) is None


def test_another_key_secret_namespace_or_model_does_not_open_it() -> None:
    """The seal covers everything that says whose answer it is."""
    value = seal(ENTRY, "k", RING)
    assert open_sealed(value, "other", RING) is None
    for ring in (Keyring(b"x", "default", "m1"), Keyring(b"secret", "t", "m1"), Keyring(b"secret", "default", "m2")):
        assert open_sealed(value, "k", ring) is None
        assert ring.key(b"text") != RING.key(b"text")


def test_a_preview_that_has_no_utf8_is_kept_readable() -> None:
    """A lone surrogate, which JSON can bring, is shown as a question mark."""
    kept = open_sealed(seal(Entry(b"", 0, 0, "a \ud800 b"), "k", RING), "k", RING)
    assert kept is not None
    assert kept.preview == "a ? b"


@given(st.binary())
def test_garbage_is_never_an_exception(value: bytes) -> None:
    """Whatever lies in the store, it is an entry or None."""
    assert open_sealed(value, "k", RING) is None


@given(st.text(min_size=256))
def test_a_long_preview_is_cut_at_a_character(preview: str) -> None:
    """At most 255 bytes, still valid UTF-8."""
    kept = open_sealed(seal(Entry(b"", 0, 0, preview), "k", RING), "k", RING)
    assert kept is not None
    assert preview.startswith(kept.preview)
    assert len(kept.preview.encode()) <= 255
