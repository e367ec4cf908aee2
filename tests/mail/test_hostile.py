"""Messages that were made to hurt: no exception, no broken promise, bounded work."""

import itertools
import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings

from fyke.mail.limits import Limits
from fyke.mail.message import Message
from fyke.mail.reading import read_message, read_text
from fyke.mail.signs import NAMES, signs
from fyke.service.reading import INLINE, is_quick
from tests.mail.hostile import HEAD, HTML, MIXED, fill, messages
from tests.mail.many import ALL

SMALL = Limits(bytes=2000, depth=3, parts=5, header_bytes=60, html_depth=8, text_chars=200)
SECONDS = 2.0
"""of processor time for three hostile megabytes: forty times what is promised, since machines differ; ``bench.reading``
measures it"""


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


@pytest.mark.parametrize("name", ALL)
def test_three_hostile_megabytes_take_little_time_and_memory(name: str) -> None:
    """Whatever they are made of."""
    raw = ALL[name]()
    start = time.thread_time()
    message = read_message(raw, Limits(seconds=SECONDS))
    found = signs(message, ["mx"])
    assert time.thread_time() - start < SECONDS
    assert len(found) < 50
    keeps_its_promises(message, Limits())


@pytest.mark.parametrize("name", ["header lines in many parts", "parameters in many parts", "calendar after text"])
def test_what_stands_first_is_read_whatever_follows(name: str) -> None:
    """Headers of many parts, or an invitation, do not use up the time for the first words."""
    kind, first, rest = ALL[name]().partition(b"\r\n\r\n")
    message = read_message(kind + first + b"--b\n\nthe first words\n" + rest)
    assert message.body.startswith("the first words")


@pytest.mark.parametrize("name", ["newsletter", "attachments", "nested parts", "false boundaries", "plain text"])
def test_the_work_does_not_grow_past_the_limit(name: str) -> None:
    """Twenty times the size allocates no more, and what is read of it is the same."""
    raw, limits = ALL[name](), Limits(bytes=1_000_000)
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


@pytest.mark.parametrize("name", ALL)
def test_what_is_read_in_the_event_loop_is_quick(name: str) -> None:
    """A short message that takes long to read goes to a thread."""
    raw = ALL[name]()[:INLINE]
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


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("paragraphs in many parts", "HTML over 6,000 tags"),
        ("rules in many parts", "style sheets over their limits"),
        ("tries in many parts", "style sheets over their limits"),
        ("addresses in many parts", "links over 2,000"),
        ("many winmail.dat", "winmail.dat over 10 times"),
        ("names of files", "names of files beyond ASCII over 50"),
        ("nested multiparts without end", "work over what one message may take"),
        ("uuencoded files", "uuencoded files over 200, or over 20,000 lines"),
        ("empty uuencoded lines", "uuencoded files over 200, or over 20,000 lines"),
        ("addresses beyond ASCII", "work over what one message may take"),
        ("entries of a list", "entries of lists over 500"),
        ("attributes of the body", "HTML tags for the whole over 10"),
        ("many attributes in many tags", "attributes of long HTML tags over 20,000"),
        ("false comments", "HTML over 9,000 comments and tags"),
        ("different styles", "work over what one message may take"),
        ("everything at once", "work over what one message may take"),
        ("shown and hidden mixed words", "hidden text over 50,000 characters"),
    ],
)
def test_the_limits_are_of_the_message_and_are_said(name: str, cut: str) -> None:
    """Many parts, each within the limits, do not multiply the work."""
    assert cut in read_message(ALL[name]()).cut


@pytest.mark.parametrize("name", ["different styles", "header lines in many parts"])
def test_junk_leaves_some_work_for_what_comes_after_it(name: str) -> None:
    """Other kinds of work take no limit whole: words beyond ASCII that follow are read."""
    junk = ALL[name]().removeprefix(HEAD)[:900_000]
    words = "Bitte bestätigen Sie Ihr Konto. Пожалуйста, подтвердите."
    head = HEAD + b"Content-Type: multipart/mixed; boundary=all\r\n\r\n--all\r\n"
    last = b"\r\n--all\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + words.encode() + b"\r\n--all--"
    assert read_message(head + junk + last).body.endswith(words)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: HTML + b"<p style='color:red;left:%dpx;" % n + fill(b"a", 400_000) + b"'>x",
        lambda n: HTML + b"<style>p{color:red;left:%dpx;" % n + fill(b"a", 90_000) + b"}</style><p>x",
        lambda n: HTML + b"<style>p{color:red}</style><a%d" % n + fill(b"a", 400_000) + b">x",
        lambda n: HEAD + b"Content-Type: text/plain; charset=%d" % n + fill(b"a", 16_000) + b"\r\n\r\nx",
    ],
    ids=["style attributes", "rules", "tags", "charsets"],
)
def test_nothing_long_is_kept_of_a_message(make: Callable[[int], bytes]) -> None:
    """What is remembered from one message to the next is short, whatever they say."""
    read_message(make(0))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(1, 21):
        read_message(make(number))
    assert tracemalloc.get_traced_memory()[0] - before < 200_000
    tracemalloc.stop()


def test_words_beyond_the_limit_are_left_out_once() -> None:
    """Different words of two scripts are no end of work, and a second reading changes nothing."""
    letters = [chr(0x430 + n) for n in range(32)]
    text = read_text(
        " ".join("a\u0436" + "".join(end) for end in itertools.islice(itertools.product(letters, repeat=3), 5000))
    )
    assert len(text.split()) == 4000
    assert read_text(text) == text


def test_many_forwards_without_subject_leave_room_for_text() -> None:
    """Only what is said counts against the limit of text."""
    part = b"--b\nContent-Type: message/rfc822\n\nX: y\n\n\n"
    raw = MIXED + b"--b\n\n" + b"first words " * 100 + b"\n" + part * 200 + b"--b\n\nlast words\n"
    assert read_message(raw, Limits(text_chars=5000)).body.endswith("last words")
