"""Coverage-guided fuzzing of the message reader with atheris; not part of the test run (docs/mail.md).

    make fuzz                                        # 60 seconds
    python -m tests.fuzz.message WORK tests/fuzz/seeds -max_total_time=3600

``WORK`` is a folder for what the fuzzer finds on its way. A finding is an exception, a broken promise of ``Message``,
or more than a second of processor time; the fuzzer stops at it and writes the input down.
"""

import sys
import time
import warnings
import zlib

import atheris

with atheris.instrument_imports(include=["fyke.mail"]):
    from fyke.mail.limits import Limits
    from fyke.mail.message import Message
    from fyke.mail.reading import read_message, read_text
    from fyke.mail.signs import DETAIL_CHARS, NAMES, signs

SECONDS = 1.0
PUMPED = 600_000
"""bytes to which one input in ``EVERY`` is blown up, a piece of it said again and again: what costs the square of its
length shows in long messages only"""
EVERY = 32
LIMITS = Limits()
SMALL = Limits(bytes=4000, depth=3, parts=5, header_bytes=60, html_depth=8, text_chars=200)


def one_input(data: bytes) -> None:
    """Read the bytes with the usual limits and with small ones; keep the promises of the interface."""
    read(data, LIMITS, SMALL)
    number, pumps = divmod(zlib.crc32(data), EVERY)
    if data and not pumps:
        start, length = number % len(data), 1 + number // len(data) % 32
        piece = data[start : start + length]
        read(data[:start] + piece * (PUMPED // len(piece)) + data[start + length :], LIMITS)


def read(data: bytes, *several: Limits) -> None:
    """The bytes within each of these limits."""
    for limits in several:
        start = time.thread_time()
        message = read_message(data, limits)
        found = signs(message, ("mx.example.org",))
        used = time.thread_time() - start
        assert used < SECONDS, f"{used:.2f} s"
        keep_promises(message, limits)
        assert all(sign.name in NAMES and len(sign.detail) <= DETAIL_CHARS for sign in found)


def keep_promises(message: Message, limits: Limits) -> None:
    """What holds for every message."""
    assert len(message.text) <= limits.text_chars
    assert len(message.hidden) <= limits.text_chars
    assert read_text(message.text) == message.text
    message.text.encode("utf-8")
    assert message.alternative is None or 0 <= message.alternative <= 1
    assert list(message.repairs) == sorted(set(message.repairs))


if __name__ == "__main__":
    warnings.simplefilter("error")
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
