"""Bytes of a message become the text that the model sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fyke.mail.reading import read_message

HEAD = b"From: a@example.com\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\nMIME-Version: 1.0\r\n"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (HEAD + b"\r\nsee you there\r\n", "Café\nsee you there"),
        (HEAD + b"Content-Transfer-Encoding: base64\r\n\r\nc2VlIHlvdQ==\r\n", "Café\nsee you"),
        (HEAD + b"Content-Type: text/html\r\n\r\n<p>see <b>you</b></p><script>x</script>", "Café\nsee you"),
        (HEAD + b"Content-Type: text/plain; charset=none-such\r\n\r\nsee \xff you", "Café\nsee ÿ you"),
        (b"Note: this is not a message\nTime: 5\n\nat all", "Note: this is not a message\nTime: 5\n\nat all"),
        (b"just words", "just words"),
        (b"", ""),
    ],
)
def test_a_message_is_read_as_subject_and_body(raw: bytes, text: str) -> None:
    """Decoded and rendered; what has no mail headers is a text as it is."""
    assert read_message(raw).text == text


@given(st.binary(max_size=200), st.sampled_from([b"", HEAD, HEAD + b"\r\n", HEAD + b"Content-Type: multipart/x\r\n"]))
def test_garbage_is_never_an_exception(tail: bytes, head: bytes) -> None:
    """Whatever the bytes, there is a text."""
    assert isinstance(read_message(head + tail).text, str)
