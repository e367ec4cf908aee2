"""Outlook's .msg files become messages."""

import contextlib
import email
import email.policy
import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fyke.mail.outlook import NotReadable, to_message
from fyke.mail.reading import read_message
from fyke.mail.sources import sources
from tests.mail.compound import Tree, compound, outlook

MOST = 1_000_000
FILE = outlook({"3707": "rechnung für sie.exe", "370E": "application/x-msdownload", "3701": b"MZ" * 4000})
INNER = outlook({}) | {"__substg1.0_3701000D": outlook({"0037": "inner subject", "1000": "inner words"})}
NOTE = outlook(
    {
        "0037": "Grüße",
        "1000": "plain words " * 1000,
        "1013": "<p>sch\xf6ne words</p>".encode("cp1252"),
        "0C1A": "Jörg",
        "5D01": "joerg@example.org",
    },
    (FILE, INNER),
)


def test_a_message_of_outlooks_is_read() -> None:
    """Subject, sender, both texts, a file and a message that came along."""
    message = read_message(to_message(compound(NOTE), MOST))
    assert (message.subject, message.sender.name, message.sender.address) == ("Grüße", "Jörg", "joerg@example.org")
    assert "words" in message.body
    assert ("rechnung für sie.exe", 8000) in {(one.name, one.size) for one in message.attachments}
    assert "inner words" in message.body


def test_headers_as_delivered_go_before_properties() -> None:
    """But for those that say how the text was encoded, which it no longer is."""
    headers = (
        "Received: by mx\r\n for you\r\nFrom: A <a@example.com>\r\nsubject: as delivered\r\n"
        "Content-Type: multipart/mixed;\r\n boundary=x\r\nContent-Transfer-Encoding: base64\r\n\r\n--fyke-mixed-0\r\n"
    )
    raw = to_message(compound(outlook({"007D": headers, "0037": "kept", "1000": "the text"})), MOST)
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert (parsed["subject"], parsed["from"], parsed["received"]) == (
        "as delivered",
        "A <a@example.com>",
        "by mx for you",
    )
    assert parsed.get_content_type() == "multipart/alternative"
    assert read_message(raw).text == "as delivered\nthe text"


def test_texts_of_eight_bits_are_read_in_their_codepage() -> None:
    """As the message states it, and as Windows' own where it states nonsense."""
    russian = outlook({"0037": "привет".encode("cp1251"), "1000": b"x"}, codepage=1251)
    assert read_message(to_message(compound(russian), MOST)).subject == "привет"
    nonsense = outlook({"0037": b"caf\xe9", "1000": b"x"}, codepage=7)
    assert read_message(to_message(compound(nonsense), MOST)).subject == "café"


def test_no_more_is_read_than_asked() -> None:
    """A file over the limit is there by its name."""
    message = read_message(to_message(compound(NOTE), 30_000))
    assert ("rechnung für sie.exe", 0) in {(one.name, one.size) for one in message.attachments}


def test_a_message_deep_in_others_ends_somewhere() -> None:
    """What lies too deep is an attachment without content."""
    tree: Tree = outlook({"0037": "deepest", "1000": "deepest words"})
    for _ in range(10):
        tree = outlook({"0037": "outer"}, (outlook({}) | {"__substg1.0_3701000D": tree},))
    assert b"deepest" not in to_message(compound(tree), MOST)


@given(st.integers(0, 8000), st.binary(min_size=1, max_size=40))
def test_damage_is_an_error_with_a_reason(at: int, garbage: bytes) -> None:
    """Whatever is overwritten, there is a message or one clear error."""
    document = bytearray(compound(NOTE))
    document[at : at + len(garbage)] = garbage
    with contextlib.suppress(NotReadable):
        assert to_message(bytes(document), MOST)


def test_outlooks_message_is_read_from_stdin() -> None:
    """By its mark, since it has no name there; a damaged one is told."""
    told: list[str] = []
    for document in (compound(NOTE), compound(NOTE)[:3000]):
        found = list(sources([Path("-")], limit=MOST, trouble=told.append, stdin=io.BytesIO(document)))
        assert [read_message(one.raw).subject for one in found if isinstance(one.raw, bytes)] == ["Grüße"][: len(found)]
    assert (len(told), found) == (1, [])
    assert told[0].startswith("-: cannot be read")


def test_trouble_names_the_file_and_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another compound file, a cut one, one over the limit; and without olefile, the extra."""
    document = compound(NOTE)
    contents = {
        "other": compound({"x": b"y"}),
        "cut": document[:3000],
        "large": document + bytes(MOST),
        "note": document,
    }
    told: list[str] = []
    paths = [tmp_path / f"{name}.msg" for name in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        path.write_bytes(content)
    (source,) = sources(paths, limit=100_000, trouble=told.append)
    assert source.name == str(paths[-1])
    for path, said, line in zip(
        paths, ["no message of Outlook's", "cannot be read", "over 100,000"], told, strict=False
    ):
        assert line.startswith(f"{path}: ")
        assert said in line
    monkeypatch.setitem(sys.modules, "olefile", None)
    assert list(sources(paths[-1:], limit=100_000, trouble=told.append)) == []
    assert "fyke[msg]" in told[-1]
