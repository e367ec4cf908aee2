"""Messages that were made to hurt: no exception, no broken promise, bounded work."""

import time
import tracemalloc

import pytest
from hypothesis import example, given, settings

from fyke.mail.limits import Limits
from fyke.mail.message import Message
from fyke.mail.reading import read_message, read_text
from fyke.mail.signs import NAMES, signs
from fyke.service.reading import INLINE, is_quick
from tests.mail.hostile import HTML, LARGE, messages

SMALL = Limits(bytes=2000, depth=3, parts=5, header_bytes=60, html_depth=8, text_chars=200)
SECONDS = 0.5
"""of processor time for three hostile megabytes: ten times what is promised, since machines differ"""


def keeps_its_promises(message: Message, limits: Limits) -> None:
    """What holds for every message."""
    assert len(message.text) <= limits.text_chars
    assert len(message.hidden) <= limits.text_chars
    assert message.text == message.text.strip()
    assert read_text(message.text) == message.text
    message.text.encode("utf-8")
    assert list(message.repairs) == sorted(set(message.repairs))
    assert message.alternative is None or 0 <= message.alternative <= 1
    assert {sign.name for sign in signs(message, ["mx"])} <= set(NAMES)


@given(messages())
@example(b"")
@example(b"From: a\nContent-Type: multipart/mixed; boundary=b\n\n--b")
@settings(max_examples=150, deadline=None)
def test_whatever_comes_is_a_message(raw: bytes) -> None:
    """With the usual limits and with small ones."""
    for limits in (Limits(), SMALL):
        keeps_its_promises(read_message(raw, limits), limits)


@given(messages())
@settings(max_examples=30, deadline=None)
def test_the_same_bytes_are_the_same_message(raw: bytes) -> None:
    """Nothing depends on what was read before."""
    assert read_message(raw) == read_message(raw)


@pytest.mark.parametrize("name", LARGE)
def test_three_hostile_megabytes_take_little_time_and_memory(name: str) -> None:
    """Whatever they are made of."""
    raw = LARGE[name]()
    start = time.thread_time()
    message = read_message(raw)
    found = signs(message, ["mx"])
    assert time.thread_time() - start < SECONDS
    assert len(found) < 50
    keeps_its_promises(message, Limits())


@pytest.mark.parametrize("name", ["header lines in many parts", "parameters in many parts", "calendar after text"])
def test_what_stands_first_is_read_whatever_follows(name: str) -> None:
    """Headers of many parts, or an invitation, do not use up the time for the first words."""
    kind, first, rest = LARGE[name]().partition(b"\r\n\r\n")
    message = read_message(kind + first + b"--b\n\nthe first words\n" + rest)
    assert message.body.startswith("the first words")


@pytest.mark.parametrize("name", ["newsletter", "attachments", "nested parts", "false boundaries", "plain text"])
def test_the_work_does_not_grow_past_the_limit(name: str) -> None:
    """Twenty times the size allocates no more, and what is read of it is the same."""
    raw, limits = LARGE[name](), Limits(bytes=1_000_000)
    large = raw * 20
    tracemalloc.start()
    once = read_message(raw, limits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    again = read_message(large, limits)
    assert tracemalloc.get_traced_memory()[1] < peak * 1.1 + 100_000
    tracemalloc.stop()
    assert again == once


def test_time_that_is_up_ends_the_reading() -> None:
    """What was read until then is kept, and the cut is said."""
    message = read_message(HTML + b"<p>words</p>" * 1000, Limits(seconds=0.0))
    assert message.cut == ("reading over 0 s",)
    assert message.subject == "x"


@pytest.mark.parametrize("name", LARGE)
def test_what_is_read_in_the_event_loop_is_quick(name: str) -> None:
    """A short message that takes long to read goes to a thread."""
    raw = LARGE[name]()[:INLINE]
    start = time.thread_time()
    signs(read_message(raw), ["mx"])
    assert time.thread_time() - start < SECONDS or not is_quick(raw)


@pytest.mark.parametrize(
    "raw",
    [
        HTML + b"<p>x",
        b"From: a@b.example\nSubject: x\n\n<BODY>x",
        b"Subject: x\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQQ==",
        b"Subject: x\nContent-Transfer-Encoding: quoted-printable\n\n=3Cb=6Fdy>x",
        b"Subject: x\n\n" + b"x" * INLINE,
    ],
)
def test_what_may_be_html_leaves_the_event_loop(raw: bytes) -> None:
    """And so does what is long."""
    assert not is_quick(raw)


def test_a_short_plain_message_is_quick() -> None:
    """A thread would cost more than the reading."""
    assert is_quick(b"From: A <a@example.org>\nSubject: x\nContent-Type: text/plain; charset=utf-8\n\nhello\n")
