"""Messages that were made to hurt: some built by hand, each large; others drawn by Hypothesis, each small."""

import base64
from collections.abc import Callable

from hypothesis import strategies as st

SIZE = 3_000_000
HEAD = b"From: a@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
HTML = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def fill(piece: bytes, size: int = SIZE) -> bytes:
    """A piece, again and again."""
    return piece * (size // len(piece))


def _numbered(pattern: str, size: int = SIZE) -> bytes:
    """A pattern with a number in it, again and again."""
    return "".join(pattern.format(number) for number in range(size // (len(pattern) + 3))).encode()


def _newsletter() -> bytes:
    rows = _numbered(
        '<tr><td style="color:#333"><a href="https://news.example/{}">Story</a> with some words.</td></tr>\n'
    )
    return HTML + b"<html><body><table>" + rows + b"</table></body></html>"


def _attachments() -> bytes:
    part = b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return MIXED + b"--b\r\n\r\nhello\r\n" + (part + fill(b"QUJD" * 19 + b"\r\n", SIZE // 3)) * 3 + b"--b--\r\n"


def _calendar() -> bytes:
    text = b"--b\nContent-Type: text/plain\n\n" + fill(b"ab" * 90 + b"\n", 200_000) + b"\n"
    return MIXED + text * 3 + b"--b\nContent-Type: text/calendar\n\nDESCRIPTION:" + _numbered("abb{}\\n", 300_000)


def _hosts(first: int, last: int) -> bytes:
    """An HTML part with links, each with a text that names twenty hosts."""
    links = (
        f"<a href=http://{n:x}.de>" + " ".join(f"a{n * 20 + k:x}.de" for k in range(20)) + "</a>"
        for n in range(first, last)
    )
    return b"--b\nContent-Type: text/html\n\n" + "".join(links).encode() + b"\n"


_VEILS = {
    "fonts behind a false comment": b"<! <!-- >",
    "fonts behind a false end tag": b"</ <xmp>",
    "fonts behind a false quote": '<a\xa0x="><b>'.encode(),
    "fonts behind an equals sign": b'<a =="><xmp>">',
    "fonts behind a raw text's attribute": b'<xmp a="</xmp><style b="></xmp>',
    "fonts behind a script in a script": b"<script><!--<script></script><xmp></script>-->",
    "fonts behind raw text in SVG": b"<svg><xmp>",
    "fonts behind CDATA in SVG": b"<svg><desc><![CDATA[ > <!-- ]]>",
}
"""What might hide tags from a tokeniser, and from no browser"""


def _behind(veil: bytes) -> Callable[[], bytes]:
    return lambda: HTML + veil + b"<p>" + _numbered("<u a{}>", 24_000) + fill(b"<p>x", 24_000)


LARGE: dict[str, Callable[[], bytes]] = {
    "newsletter": _newsletter,
    "attachments": _attachments,
    "plain text": lambda: HEAD + b"\r\n" + fill(b"Some words in a line of a long plain text.\r\n"),
    "plain text beyond ASCII": lambda: HEAD + b"\r\n" + fill("Größe Привет naïve — „Wörter“.\r\n".encode()),
    "base64 HTML": lambda: (
        HEAD
        + b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(fill(b"<p>words</p>", SIZE * 3 // 4))
    ),
    "quoted-printable HTML": lambda: (
        HEAD
        + b"Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        + fill(b"<p style=3D'color:red'>w=C3=B6rds</p>=\r\n")
    ),
    "broken base64": lambda: HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + fill(b"QUJD!=\r\n"),
    "broken quoted-printable": lambda: HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + fill(b"=  "),
    "one line": lambda: HEAD + b"\r\n" + fill(b"x"),
    "spaces": lambda: HEAD + b"\r\n" + fill(b" "),
    "spaces in HTML": lambda: HTML + b"<p>a" + fill(b" ") + b"b",
    "line breaks": lambda: HEAD + b"\r\n" + fill(b"\n"),
    "NUL": lambda: fill(b"\0"),
    "headers": lambda: fill(b"Subject: x\r\n"),
    "one header": lambda: b"Subject: " + fill(b"x "),
    "folded header": lambda: b"Subject: x\r\n" + fill(b" y\r\n"),
    "encoded words": lambda: b"Subject: " + fill(b"=?utf-8?q?x?= "),
    "half encoded words": lambda: b"Subject: " + fill(b"=?utf-8?q?"),
    "parameters": lambda: b"Content-Type: text/plain; " + fill(b'a="b;" ; ') + b"\r\nFrom: x\r\n\r\nx",
    "quotes": lambda: b"From: " + fill(b'"\\') + b"\r\nTo: x\r\n\r\nx",
    "open quotes in an address": lambda: b'From: "' + fill(b'a\\"') + b"\r\nTo: x\r\n\r\nx",
    "comments": lambda: b"From: " + fill(b"(") + b"\r\nAuthentication-Results: " + fill(b"(") + b"\r\n\r\nx",
    "angles": lambda: b"From: " + fill(b"<") + b"\r\nDate: " + fill(b"1 ") + b"\r\n\r\nx",
    "parts": lambda: MIXED + fill(b"--b\r\n\r\nx\r\n"),
    "false boundaries": lambda: MIXED + b"--b\r\n\r\n" + fill(b"--bx\r\n"),
    "boundaries in a line": lambda: MIXED + b"--b\r\n\r\n" + fill(b"--b"),
    "nested parts": lambda: HEAD + _numbered("Content-Type: multipart/mixed; boundary={0}\r\n\r\n--{0}\r\n"),
    "same boundary": lambda: HEAD + fill(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"),
    "nested forwards": lambda: HEAD + fill(b"Content-Type: message/rfc822\r\n\r\n"),
    "many HTML parts": lambda: MIXED + (b"--b\r\nContent-Type: text/html\r\n\r\n" + fill(b"<b>x", 60_000)) * 50,
    "deep HTML": lambda: HTML + fill(b"<div>"),
    "open fonts": lambda: HTML + _numbered("<font color={}>", SIZE // 2) + fill(b"<p>x", SIZE // 2),
    "open links": lambda: HTML + _numbered("<a href=http://{}/>x<div>"),
    "crossed tags": lambda: HTML + fill(b"<b><i><p></b></i>x</p>"),
    "tables in tables": lambda: HTML + fill(b"<table><tr><td>x"),
    "tables without cells": lambda: HTML + fill(b"<table>x<b>"),
    "selects": lambda: HTML + fill(b"<select><option>x"),
    "foreign elements": lambda: HTML + fill(b"<svg><p><math><mi>"),
    "open comments": lambda: HTML + fill(b"<!--"),
    "open tags": lambda: HTML + fill(b"<a "),
    "open quotes": lambda: HTML + fill(b'<a href="'),
    "open scripts": lambda: HTML + fill(b"<script>"),
    "less than": lambda: HTML + fill(b"<"),
    "ampersands": lambda: HTML + fill(b"&"),
    "entities": lambda: HTML + fill(b"&nbsp;&zwnj;"),
    "spaces in a tag": lambda: HTML + b"<p" + fill(b" ", 400_000) + b">x",
    "slashes in a tag": lambda: HTML + b"<p a" + fill(b"/", 400_000) + b">x",
    "attributes": lambda: HTML + b"<p " + _numbered("a{}=1 ") + b">x",
    "same attributes": lambda: HTML + b"<p " + fill(b"style=x ") + b">x",
    "classes": lambda: HTML + _numbered("<style>.c{}{{color:red}}</style>", SIZE // 3) + _numbered("<p class=c{}>x"),
    "long selectors": lambda: HTML + b"<style>" + fill(b"a b ", SIZE // 3) + b"{color:red}</style>" + fill(b"<b>x"),
    "rules for one class": lambda: (
        HTML + b"<style>" + fill(b"p .a{color:red}", 190_000) + b"</style>" + fill(b"<p class=a>x")
    ),
    "styles": lambda: HTML + fill(b"<p style='display:block;color:red;background:url(x) #fff;font:1px x;left:1px'>x"),
    "braces": lambda: HTML + b"<style>" + fill(b"@media{") + b"</style>x",
    "data in HTML": lambda: HTML + b"<img src='data:image/png;base64," + fill(b"QUJD") + b"'>seen",
    "many data in HTML": lambda: HTML + fill(b"<img src='data:image/png;base64,QUJD'>"),
    "open data in HTML": lambda: HTML + fill(b"data:image/png;base64,"),
    "addresses": lambda: HEAD + b"\r\n" + fill(b"http://a.example/ "),
    "one address": lambda: HEAD + b"\r\nhttp://" + fill(b"a."),
    "www": lambda: HEAD + b"\r\n" + fill(b"www."),
    "uuencode": lambda: HEAD + b"\r\n" + fill(b"begin 644 a\n"),
    "UTF-7": lambda: HEAD + b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + fill(b"+AGE-"),
    "ISO-2022-JP": lambda: HEAD + b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + fill(b"\x1b$B$3\x1b(B"),
    "combining marks": lambda: HEAD + b"\r\n" + b"a" + fill("\u0301\u0323".encode()),
    "marks to be put in order": lambda: HEAD + b"\r\na" + fill("\u0301\u0323".encode(), 900_000),
    "runs of thirty marks": lambda: HEAD + b"\r\n" + fill(("a" + "\u0316\u0301" * 15).encode(), 390_000),
    "words in one sign": lambda: HEAD + b"\r\n" + fill("\ufdfb".encode(), 600_000),
    "squares of words": lambda: HEAD + b"\r\n" + fill("\u3316".encode(), 600_000),
    "Hangul and joiners": lambda: HEAD + b"\r\n" + fill("\u1100\u200c\u1161\u200d\u11a8".encode()),
    "mixed words": lambda: HEAD + b"\r\n" + fill("p\u0430ypal ".encode()),
    "one mixed word": lambda: HEAD + b"\r\n" + fill("p\u0430".encode()),
    "ligatures that grow": lambda: HEAD + b"\r\n" + fill("\ufdfa".encode()),
    "calendar": lambda: HEAD + b"Content-Type: text/calendar\r\n\r\n" + fill(b"SUMMARY:a\\nb\r\n"),
    "enriched": lambda: HEAD + b"Content-Type: text/enriched\r\n\r\n" + fill(b"<param><b>"),
    "TNEF": lambda: (
        HEAD + b"Content-Type: application/ms-tnef\r\n\r\n\x78\x9f\x3e\x22\0\0" + fill(b"\1\x10\x80\0\0\0\0\0\0\0\0")
    ),
    "links": lambda: HTML + fill(b"<a href='http://www.a.example/'>www.b.example</a> "),
    "fonts with foreign end tags": lambda: HTML + b"<p>" + _numbered("<u a{}></b>", 30_000) + fill(b"<p>x", 16_000),
    "fonts closed behind tables": lambda: (
        HTML + b"<p>" + _numbered("<u a{}><table></u></table>", 30_000) + fill(b"<p>x", 16_000)
    ),
    **{name: _behind(piece) for name, piece in _VEILS.items()},
    "calendar after text": lambda: _calendar(),
    "header lines in many parts": lambda: MIXED + fill(b"--b\n" + b"a:\n" * 2000 + b"\nx\n"),
    "parameters in many parts": lambda: (
        MIXED + fill(b"--b\nContent-Type: text/plain; name*0=x" + _numbered("; name*{}=%41", 15_000) + b"\n\nx\n")
    ),
    "hosts in texts of links": lambda: MIXED + _hosts(0, 2000) + _hosts(2000, 4000) + b"--b--\n",
    "authentication": lambda: fill(b"Authentication-Results: mx; spf=fail; dkim=fail\r\n") + b"\r\nx",
}
"""Each about three megabytes, or less where less is enough to hurt, by name"""

_WORDS = st.sampled_from(
    [
        *(
            "",
            " ",
            "\r\n",
            "\n",
            "\r",
            "\0",
            "=",
            "--b",
            "--b--",
            "\ufeff",
            "\u200b",
            "\u202e",
            "\ud800",
            "<",
            ">",
            '"',
            "'",
            "(",
        ),
        *(
            "=?utf-8?B?",
            "=?utf-8?Q?=C3?=",
            "?=",
            "a@b.example",
            "<a@b.example>",
            "http://x.example/",
            "www.x.com",
            "&#0;",
        ),
        *(
            "<div style='display:none'>",
            "<p>",
            "</p>",
            "<table>",
            "<td>",
            "<style>",
            "</style>",
            ".a{color:#fff}",
            "<!--",
            "-->",
        ),
        *(
            "<a href='//xn--a/'>",
            "</a>",
            "<font size=1 color=white>",
            "<select>",
            "<option>",
            "<svg>",
            "<base href='x:'>",
            "<br>",
        ),
        *(
            "begin 644 x\n",
            "p\u0430y",
            "\uff21",
            "\ufb01",
            "\u0301",
            "+AGE-",
            "\x1b$B",
            "QUJD",
            "data:image/png;base64,",
        ),
    ]
)
_TEXTS = st.lists(_WORDS | st.text(max_size=12), max_size=12).map("".join)
_CHARSETS = st.sampled_from(
    ["utf-8", "utf-7", "utf-16", "iso-2022-jp", "gb2312", "koi8-r", "x-none", "idna", "\0", "hex"]
)
_TYPES = st.sampled_from(
    [
        "text/plain",
        "text/html",
        "text/calendar",
        "text/enriched",
        "application/ms-tnef",
        "image/png",
        "x",
        "text/x-y",
        "/",
    ]
)
_ENCODINGS = st.sampled_from(["7bit", "base64", "quoted-printable", "x-uuencode", "8bit", "binary", "x-none"])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")


@st.composite
def _headers(draw: st.DrawFn) -> bytes:
    names = st.sampled_from(
        ["Subject", "From", "Reply-To", "Date", "Authentication-Results", "Content-Disposition", "X", "To", "subject"]
    )
    lines = draw(st.lists(st.tuples(names, _TEXTS), max_size=5))
    return b"".join(_bytes(f"{name}: {value}\r\n") for name, value in lines)


@st.composite
def _leaf(draw: st.DrawFn) -> bytes:
    kind = f"Content-Type: {draw(_TYPES)}; charset={draw(_CHARSETS)}; name={draw(_TEXTS)}\r\n"
    body = draw(st.binary(max_size=60) | _TEXTS.map(_bytes))
    encoding = draw(_ENCODINGS)
    if encoding == "base64" and draw(st.booleans()):
        body = base64.encodebytes(body)
    return draw(_headers()) + _bytes(kind) + b"Content-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n" + body


def _container(children: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    kinds = st.sampled_from(["mixed", "alternative", "related", "digest", "signed", ""])

    def join(kind: str, inside: str, stated: str, parts: list[bytes], closed: bool) -> bytes:
        head = f'Content-Type: multipart/{kind}; boundary="{stated}"\r\n\r\n'.encode()
        body = b"".join(b"--" + inside.encode() + b"\r\n" + part + b"\r\n" for part in parts)
        return head + body + (b"--" + inside.encode() + b"--\r\n" if closed else b"")

    marks = st.sampled_from(["b", "bb", "b b", "="])
    multipart = st.builds(join, kinds, marks, marks, st.lists(children, max_size=3), st.booleans())
    return multipart | children.map(lambda child: b"Content-Type: message/rfc822\r\n\r\n" + child)


def messages() -> st.SearchStrategy[bytes]:
    """Bytes that are nearly messages."""
    whole = st.builds(bytes.__add__, _headers(), st.recursive(_leaf(), _container, max_leaves=6))
    garbage = st.binary(max_size=300) | _TEXTS.map(_bytes)
    return whole | garbage | st.builds(_spliced, whole, garbage, st.integers(0, 400))


def _spliced(whole: bytes, garbage: bytes, at: int) -> bytes:
    return whole[:at] + garbage + whole[at + len(garbage) :]
