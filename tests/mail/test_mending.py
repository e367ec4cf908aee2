"""Charsets, transfer encodings and headers, mended where they are broken."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from fyke.mail.charsets import decode, stated_in_html
from fyke.mail.fields import (
    Kind,
    file_name,
    read_address,
    read_authentication,
    read_date,
    read_disposition,
    read_kind,
)
from fyke.mail.headers import text_of
from fyke.mail.limits import Limits
from fyke.mail.message import Address, Authentication
from fyke.mail.notes import Notes
from fyke.mail.transfer import decode_transfer, decoded_size, uuencoded


@pytest.fixture
def notes() -> Notes:
    """Nothing noted yet."""
    return Notes(Limits())


@pytest.mark.parametrize(
    ("data", "declared", "text", "mended"),
    [
        (b"abc", "", "abc", False),
        (b"abc", "none-such", "abc", True),
        ("é".encode(), "utf-8", "é", False),
        ("é".encode(), "us-ascii", "é", True),
        ("é".encode(), "iso-8859-1", "é", True),
        (b"\xe9", "iso-8859-1", "é", False),
        (b"\x93x\x94", "ISO-8859-1", "“x”", False),
        (b"\xe9", "", "é", True),
        (b"\xe9", "utf-8", "é", True),
        (b"\xc3\xa9 \xc3\xa9 \xff", "utf-8", "é é \ufffd", True),
        (b"\xef\xbb\xbfx", "iso-8859-1", "x", False),
        (b"\xff\xfeh\0i\0", "utf-8", "hi", False),
        ("привет".encode("koi8-r"), "KOI8-R", "привет", False),
        ("한국".encode("cp949"), "ks_c_5601-1987", "한국", False),
        ("你好".encode("gb18030"), "gb2312", "你好", False),
        ("日本".encode("iso-2022-jp"), "iso-2022-jp", "日本", False),
        (b"+AGE-", "utf-7", "a", False),
        (b"+2AA-", "utf-7", "\ufffd", False),
        (b"abc", "idna", "abc", True),
        (b"\\x41", "unicode_escape", "\\x41", True),
        (b"x", "rot13", "x", True),
        (b"x", "\0", "x", True),
    ],
)
def test_charsets(data: bytes, declared: str, text: str, mended: bool) -> None:
    """What was declared, unless the bytes say otherwise; Python's codecs that are no charsets are not taken."""
    assert decode(data, declared) == (text, mended)


@pytest.mark.parametrize(
    ("data", "encoding", "decoded", "repairs"),
    [
        (b"aGk=", "base64", b"hi", ()),
        (b"aGk\r\n", "base64", b"hi", ("base64",)),
        (b"aGlo!aSE=", "base64", b"hihi!", ("base64",)),
        (b"aGk=aGk=", "base64", b"hihi", ("base64",)),
        (b"aGk=\n-- \nfooter of a list\n", "base64", b"hi\n-- \nfooter of a list\n", ("base64",)),
        (b"a=C3=A9=\r\nb", "quoted-printable", b"a\xc3\xa9b", ()),
        (b"pass= \r\nword=\t", "quoted-printable", b"password", ()),
        (b"a=ZZ", "quoted-printable", b"a=ZZ", ("quoted-printable",)),
        (b"x", "x-odd", b"x", ("encoding",)),
        (b"x", "8bit", b"x", ()),
        (b"", "base64", b"", ()),
    ],
)
def test_transfer_encodings(notes: Notes, data: bytes, encoding: str, decoded: bytes, repairs: tuple[str, ...]) -> None:
    """Padding, foreign characters, several in a row, plain text after it."""
    assert decode_transfer(data, encoding, notes) == decoded
    assert notes.repairs == repairs


LURE = b"<html><body>Your account is locked, so please confirm your password at once.</body></html>" * 3


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda lines: [lines[0][:10] + b" " + lines[0][10:], *lines[1:]],
        lambda lines: [*lines[:2], b"*", *lines[2:]],
        lambda lines: [*lines[:2], b" * - * ", *lines[2:]],
        lambda lines: [line[:9] + b" ! " + line[9:] for line in lines],
        lambda lines: [b"-".join(line[at : at + 1] for at in range(len(line))) for line in lines],
    ],
)
def test_foreign_characters_in_base64_are_ignored(notes: Notes, spoilt: Callable[[list[bytes]], list[bytes]]) -> None:
    """Wherever they stand, spaces too (RFC 2045, 6.8); a footer after it is still read."""
    lines = spoilt(base64.encodebytes(LURE).splitlines())
    footer = b"_______________\nTo leave this list write to list-request@example.org\n"
    decoded = decode_transfer(b"\n".join([*lines, footer]), "base64", notes)
    assert decoded == LURE + b"\n" + footer
    assert notes.repairs == ("base64",)


def test_a_long_text_that_is_called_base64_is_a_text(notes: Notes) -> None:
    """However long it is: nothing in it decodes to text."""
    for lines in (1, 300, 5000):
        text = b"Dear all, what we said was base64 is none.\n" * lines
        assert decode_transfer(text, "base64", notes).lstrip(b"\n") == text


@pytest.mark.parametrize(
    ("html", "stated"),
    [
        (b"<html><META http-equiv=Content-Type content='text/html; charset=Big5'>\xa4\xa4", "big5"),
        (b'<meta charset="koi8-r">\xf0', "koi8-r"),
        ('<meta charset="koi8-r">é'.encode(), ""),
        ('<meta charset="utf-8">é'.encode(), "utf-8"),
        (b"<!-- <meta charset=koi8-r> --><meta charset=utf-16>charset=big5\xf0", ""),
        (b" " * 1024 + b"<meta charset=koi8-r>", ""),
    ],
)
def test_what_html_states_as_its_charset(html: bytes, stated: str) -> None:
    """In a meta element at the beginning, where the bytes are no UTF-8."""
    assert stated_in_html(html) == stated


def test_sizes_are_told_without_decoding() -> None:
    """Exactly for sound base64."""
    assert decoded_size(b"aGVsbG8=\r\n", 0, 10, "base64") == 5
    assert decoded_size(b"=C3=A9x", 0, 7, "quoted-printable") == 3
    assert decoded_size(b"hello", 1, 5, "") == 4


def test_uuencoded_files_are_taken_out(notes: Notes) -> None:
    """And an unclosed one goes to the end."""
    assert uuencoded(b"a\nbegin 644 x.txt\n#86)C\n`\nend\nb", notes) == (b"a\nb", [(b"x.txt", b"abc")])
    assert uuencoded(b"begin 600 y\n#86)C", notes) == (b"", [(b"y", b"abc")])
    assert uuencoded(b"begin at the beginning", notes) == (b"begin at the beginning", [])
    assert uuencoded(b"begin 644 x\r\n#86)C\r\n`\r\nend\r\n", notes) == (b"", [(b"x", b"abc")])
    assert uuencoded(b"begin-base64 644 x\nYWJj\n====\nb", notes) == (b"b", [(b"x", b"abc")])


@pytest.mark.parametrize(
    "text",
    [
        b"begin 644 x\nYour account is closed.\nConfirm it here.\n",
        b"begin 644 x\nYour account is closed.\nend\nConfirm it here.",
        b"begin 644 x\n#86)C\nYour account is closed.\nend",
        b"begin-base64 644 x\nYour account is closed.\n====\n",
        b"begin 644 x",
        b"begin 644 x\n\n",
    ],
)
def test_a_line_that_only_looks_like_a_file_hides_no_text(notes: Notes, text: bytes) -> None:
    """What does not decode is read, also where the header says that it is uuencoded."""
    assert uuencoded(text, notes) == (text, [])
    assert decode_transfer(text, "uuencode", notes) == text


def test_a_file_after_a_line_that_looks_like_one_is_taken_out(notes: Notes) -> None:
    """A broken start does not keep the next file in the text."""
    assert uuencoded(b"begin 644 x\nno\nbegin 644 y\n#86)C\nend\n", notes) == (b"begin 644 x\nno\n", [(b"y", b"abc")])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"=?utf-8?q?a_b=3D?=", "a b="),
        (b"=?UTF-8?B?w4Q=?= =?utf-8?b?w5Y=?=", "ÄÖ"),
        (b"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        (b"x=?utf-8?q?a?=y", "xay"),
        (b"=?utf-8*en?q?a?=", "a"),
        (b"=?utf-8?B?w4?=", "Ã"),
        (b"=?none-such?q?=e9?=", "é"),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
        (b"a \t b\0", "a b"),
        (b"\xe9", "é"),
        (b"", ""),
    ],
)
def test_encoded_words(notes: Notes, value: bytes, text: str) -> None:
    """Joined, split, broken, unknown."""
    assert text_of(value, notes) == text


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b"Ada <ada@Example.ORG>", Address("Ada", "ada@example.org")),
        (b'"Ruiz, Ada" <ada@example.org>', Address("Ruiz, Ada", "ada@example.org")),
        (b"ada@example.org (Ada Ruiz)", Address("Ada Ruiz", "ada@example.org")),
        (b"ada@example.org", Address("", "ada@example.org")),
        (b"<ada@example.org>", Address("", "ada@example.org")),
        (b'"bank@bank.example" <x@y.example>', Address("bank@bank.example", "x@y.example")),
        (b"=?utf-8?q?Ada_<a=40b.example>?= <c@d.example>", Address("Ada <a@b.example>", "c@d.example")),
        (b"=?utf-8?q?Ada_=3Ca@b.example=3E?=", Address("Ada", "a@b.example")),
        (b'"Ada <ada@example.org>', Address("Ada", "ada@example.org")),
        (b"A <a@b.example>, C <c@d.example>", Address("A", "a@b.example", ("c@d.example",))),
        (b"Team: a@b.example, C <c@d.example>;", Address("Team: a@b.example, C", "c@d.example", ("a@b.example",))),
        (b"<bank@bank.example> <x@y.example>", Address("<bank@bank.example>", "x@y.example")),
        (b"Undisclosed", Address("Undisclosed", "")),
        (b'"a\\"b" <x@y.example>', Address('a"b', "x@y.example")),
        (b"", Address()),
        (b"<", Address("<", "")),
        (b"Ada <>", Address("Ada", "")),
    ],
)
def test_addresses(notes: Notes, value: bytes, address: Address) -> None:
    """Names in quotes, comments and encoded words; names that carry addresses; nothing at all."""
    assert read_address(value, notes) == address


def test_dates(notes: Notes) -> None:
    """Aware, UTC where no zone is stated; None where it cannot be read."""
    assert read_date(b"Tue, 3 Mar 2026 09:00:00 -0000", notes) == datetime(2026, 3, 3, 9, tzinfo=UTC)
    assert read_date(b"", notes) is None
    assert notes.repairs == ()
    assert read_date(b"yesterday", notes) is None
    assert read_date(b"Tue, 3 Mar 99999999999999 09:00:00 +9999999", notes) is None
    assert notes.repairs == ("date",)


def test_media_types(notes: Notes) -> None:
    """Parameters with and without quotes and separators, extended and in pieces; impossible types are mended."""
    kind = read_kind(b'Text/HTML; charset="utf-8" format=flowed; name=a b.txt', "text/plain", notes)
    assert (kind.name, kind.parameters) == ("text/html", {"charset": "utf-8", "format": "flowed", "name": "a b.txt"})
    assert read_kind(b"text/html charset=x", "", notes).get("charset") == "x"
    assert read_kind(b"", "message/rfc822", notes).name == "message/rfc822"
    for value in (b"text/html(x)", b"(x) text/html", b"text / html (a;(b) c=d)", b"text (y)/(z)html"):
        assert read_kind(value + b"; charset=x", "", notes) == Kind("text/html", {"charset": "x"})
    assert notes.repairs == ()
    assert [read_kind(value, "a/b", notes).name for value in (b"text", b"html", b"x", b"/;")] == [
        *("text/plain", "text/html", "a/b", "a/b")
    ]
    assert notes.repairs == ("content-type",)
    disposition = read_disposition(b"attachment; filename*1*=%C3%A9.pdf; filename*0*=utf-8'en'caf", notes)
    assert file_name(kind, disposition, notes) == "café.pdf"
    assert file_name(kind, read_disposition(b'inline; filename="=?utf-8?q?=C3=A9?="', notes), notes) == "é"


def test_authentication_results(notes: Notes) -> None:
    """Comments are left out, versions and properties too; a header without a server has an empty one."""
    read = read_authentication(b"mx.example (a (b; c) 1; spf=pass (d) smtp.mailfrom=x; dkim = FAIL header.d=y", notes)
    assert read == Authentication("mx.example", ())
    read = read_authentication(b"MX.example 1 (a;b); spf=pass (d) smtp.mailfrom=x; dkim = FAIL header.d=y; x", notes)
    assert read == Authentication("mx.example", (("spf", "pass"), ("dkim", "fail")))
    assert read_authentication(b"spf=pass", notes) == Authentication("", (("spf", "pass"),))
    assert read_authentication(b"", notes) is None
