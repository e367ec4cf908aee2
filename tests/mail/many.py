"""Messages that hurt by many parts, each within its limits, or by characters and tags that cost more than others."""

from collections.abc import Callable

from tests.mail.hostile import HEAD, HTML, LARGE, MIXED, SIZE, fill

MIXED_WORD = "p\u0430ypal ".encode()
_PART = b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"


def _parts(head: bytes, piece: bytes, each: int) -> bytes:
    return MIXED + (b"--b\r\n" + head + b"\r\n\r\n" + fill(piece, each) + b"\r\n") * min(498, SIZE // each)


def _rules(each: int) -> bytes:
    """HTML parts, each with so many different rules."""
    sheets = (
        b"".join(b"a.x%d{color:#%06x}" % (n, n) for n in range(part * each, part * each + each)) for part in range(50)
    )
    return MIXED + b"".join(_PART + b"<style>" + sheet + b"</style><a>x\r\n" for sheet in sheets)


def _nested() -> bytes:
    heads = (b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(20))
    return HEAD + b"".join(heads) + b"\r\n" + fill(b"-")


def _hosts() -> bytes:
    links = (f"<a href=http://{'жшюя' * 14}{n}.{'жяюш' * 14}.{'ыжшю' * 14}.de>x{n}.com</a>" for n in range(2500))
    return HTML + "".join(links).encode()


def _styles() -> bytes:
    style = "display:block;color:#{0:06x};background:#fff;opacity:0.5;position:absolute;left:{0}px"
    return HTML + "".join(f"<p style='{style.format(n)}'>x" for n in range(6000)).encode()


MANY: dict[str, Callable[[], bytes]] = {
    "paragraphs in many parts": lambda: _parts(b"Content-Type: text/html", b"<p>x", 32_000),
    "paragraphs in 498 parts": lambda: _parts(b"Content-Type: text/html", b"<p>x", 2_000),
    "rules in many parts": lambda: _rules(900),
    "tries in many parts": lambda: (
        MIXED + (_PART + b"<style>" + fill(b"p{color:red}", 1200) + b"</style>" + fill(b"<p>x", 900) + b"\r\n") * 450
    ),
    "addresses in many parts": lambda: _parts(b"Content-Type: text/plain", b"www.a.b\n", 32_000),
    "mixed words in many parts": lambda: _parts(b"Content-Type: text/plain; charset=utf-8", MIXED_WORD, 100_000),
    "invitations": lambda: _parts(b"Content-Type: text/calendar", b"SUMMARY:a\\nb\r\n", 30_000),
    "many winmail.dat": lambda: _parts(
        b"Content-Type: application/ms-tnef", b"\x78\x9f\x3e\x22\0\0" + b"\1\x10\x80\0\0\1\0\0\0a\0\0" * 150, 1_900
    ),
    "names of files": lambda: (
        MIXED + (b'--b\r\nContent-Type: a/b; name="' + fill(MIXED_WORD, 4000) + b'"\r\n\r\nx\r\n') * 400
    ),
    "multiparts without boundary": lambda: _parts(b"Content-Type: multipart/mixed", b"--x\r\n", 5_800),
    "nested multiparts without end": _nested,
    "uuencoded files": lambda: HEAD + b"\r\n" + fill(b"begin 644 a.exe\n#86)C\nend\n"),
    "empty uuencoded lines": lambda: HEAD + b"\r\nbegin 644 a\n#86)C\n" + fill(b"\n"),
    "equals signs in base64": lambda: HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n!" + fill(b"QUJD="),
    "alternatives of mixed words": lambda: (
        HEAD
        + b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
        + fill(MIXED_WORD, 480_000)
        + b"\r\n"
        + _PART
        + fill(MIXED_WORD, 480_000)
    ),
    "shown and hidden mixed words": lambda: (
        HTML + fill(MIXED_WORD, 300_000) + b"<p style='display:none'>" + fill(MIXED_WORD, 400_000)
    ),
    "mixed words with accents": lambda: HEAD + b"\r\n" + fill("p\u0430\u0301".encode()),
    "Hangul letters and joiners": lambda: HEAD + b"\r\n" + fill("\u1100\u200c\u1161a".encode()),
    "addresses beyond ASCII": lambda: HEAD + b"\r\n" + fill(("http://" + "p\u0430\u0301" * 30 + " ").encode()),
    "long hosts beyond ASCII": _hosts,
    "entries of a list": lambda: HTML + b"<select>" + fill(b"<option>x"),
    "attributes of the body": lambda: HTML + b"".join(b"<body a%d=1>" % n for n in range(200_000)),
    "many attributes in many tags": lambda: HTML + fill(b"<p " + b"".join(b"a%d " % n for n in range(199)) + b">x"),
    "false comments": lambda: HTML + fill(b"<!x>"),
    "different styles": _styles,
    "rules for six ancestors": lambda: (
        HTML
        + b"<style>"
        + fill(b"a b i u s .a{color:red}", 40_000)
        + b"</style>"
        + fill(b"<div class='b c d'>", 254 * 19)
        + fill(b"<p class=a>x")
    ),
    "wrong in a charset of one byte": lambda: (
        HEAD + b"Content-Type: text/plain; charset=cp874\r\n\r\n" + fill(b"\xff\xfc")
    ),
    "half pairs in UTF-16": lambda: HEAD + b"Content-Type: text/plain; charset=utf-16\r\n\r\n" + fill(b"\x00\xd8"),
    "everything at once": lambda: (
        MIXED
        + b"--b\r\nContent-Type: text/calendar\r\n\r\n"
        + fill(b"SUMMARY:a\\nb\r\n", 80_000)
        + b"--b\r\n\r\nbegin 644 a\n"
        + fill(b"#86)C\n", 120_000)
        + b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + fill(b"QUJD!=\r\n", 60_000)
        + _PART
        + b"<style>"
        + fill(b"p .a{color:red}", 50_000)
        + b"</style>"
        + fill("<a href=http://\u0436><p class=a>p\u0430".encode(), 200_000)
        + b"\r\n--b\r\n\r\n"
        + fill("p\u0430\u0301".encode(), 400_000)
    ),
}
"""By name, as ``LARGE``"""

ALL = LARGE | MANY
