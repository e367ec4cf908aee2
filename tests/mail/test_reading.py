"""Whole messages, the seeds of the fuzzer among them: what is read of each."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fyke.mail.limits import Limits
from fyke.mail.message import Address, Attachment, Authentication, Link, Message
from fyke.mail.reading import read_message, read_text

SEEDS = Path(__file__).parent.parent / "fuzz" / "seeds"


def seed(name: str) -> Message:
    """What is read of a seed."""
    return read_message((SEEDS / f"{name}.eml").read_bytes())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("alternative", "Your invoice\nYour invoice is ready.\nSee it"),
        ("bare_cr", "old Mac\none\ntwo"),
        ("broken_base64", "x\nHello world! This is a test of the decoder.\n_______________________\nList footer here"),
        ("broken_header", "still read folded\nbody"),
        ("broken_qp", "x\n100% of =XX and = or end"),
        (
            "calendar",
            "Invitation\nYou are invited.\nQuarterly review, room 4\nBring figures.\nLong line that is folded\nHall",
        ),
        ("cyrillic", "Привет\nПривет, мир! Paypal и скидка. Καλημέρα"),
        ("digest", "Digest\nfirst\none\nsecond\ntwo"),
        ("double_cr", "twice\none\ntwo"),
        ("encoded_words", "Änderung der Bankverbindung für Kunden\nGuten Tag"),
        ("enriched", "x\nNow is red <ok"),
        (
            "forward",
            "Fwd: see below\nLook at this, it is “urgent”, a long line that is broken here.\n"
            "Account – locked\nYour account is locked.",
        ),
        ("full_width", "FREE prize\nUrgent final Paypal.com paypal"),
        ("html_only", "No headers, b.com"),
        ("html_unstated", "x\nSeen as HTML"),
        ("japanese", "こんにちは\nこんにちは"),
        ("mbox", "from a mailbox\n>From the start"),
        ("no_blank_line", "x\nThis is the body already\nSecond line"),
        ("no_boundary", "x\nfound anyway"),
        ("no_headers", "Dear customer,\n\nthis came without headers."),
        ("raw_8bit", "café Ã©tÃ©\nnaïve résumé"),
        ("related", "x\nkept\nlines\ntwo\nitem\nitem"),
        ("report", "Undelivered\nNot delivered."),
        ("split_character", "Ärger Über\nx"),
        ("tnef", "Report\nPlease see the report."),
        ("tnef_properties", "Rich\nRich words"),
        ("unclosed", "x\ninner\nouter"),
        ("unknown_charset", "x\ncafé “quoted”"),
        ("utf16", "x\nwide"),
        ("uuencode", "x\nThe file:\nafter"),
        ("wrong_boundary", "x\nno parts here at all"),
        ("wrong_charset", "x\ngrößer – naïve"),
        ("empty", ""),
    ],
)
def test_the_text_is_what_a_reader_sees(name: str, text: str) -> None:
    """Decoded, rendered, mended, in one spelling; subject first."""
    assert seed(name).text == text


@pytest.mark.parametrize(
    ("name", "repairs"),
    [
        ("bare_cr", ("line-ends",)),
        ("broken_base64", ("base64",)),
        ("broken_header", ("headers",)),
        ("no_blank_line", ("headers",)),
        ("broken_qp", ("quoted-printable",)),
        ("full_width", ("charset", "full-width", "header-8bit", "homoglyphs", "zero-width")),
        ("html_unstated", ("html",)),
        ("mbox", ("mbox-from",)),
        ("no_boundary", ("boundary",)),
        ("no_headers", ("no-headers",)),
        ("raw_8bit", ("charset", "header-8bit")),
        ("unclosed", ("unclosed",)),
        ("unknown_charset", ("charset",)),
        ("uuencode", ("uuencode",)),
        ("wrong_charset", ("charset",)),
        ("alternative", ()),
        ("hidden", ("zero-width",)),
    ],
)
def test_what_was_mended_is_named(name: str, repairs: tuple[str, ...]) -> None:
    """From a fixed vocabulary, sorted; a sound message names none."""
    assert seed(name).repairs == repairs


def test_a_text_that_begins_like_a_mailbox_is_a_text() -> None:
    """Only headers after it make the line one of a mailbox."""
    message = read_message(b"From the desk of Ada\n\nDear all")
    assert (message.text, message.repairs) == ("From the desk of Ada\n\nDear all", ("no-headers",))


def test_the_text_of_an_answer_is_a_text() -> None:
    """Though it begins with what looks like headers."""
    text = "Re: lunch\nFrom: Ada\nSent: Monday\nSubject: lunch\n\nat noon"
    assert read_message(text.encode()).text == text


def test_headers_are_decoded() -> None:
    """Sender, reply-to, date and authentication results are there as stated."""
    message = seed("encoded_words")
    assert message.sender == Address("Ada Ruíz", "ada@example.org")
    assert message.reply_to == Address("Ada, Ruiz", "ada@other.example")
    assert message.date == datetime(2026, 3, 3, 8, tzinfo=UTC)
    assert seed("authentication").authentication == (
        Authentication("mx.example.org", (("dkim", "pass"), ("spf", "softfail"), ("dmarc", "fail"))),
        Authentication("other.example", ()),
    )


def test_attachments_are_listed_with_name_type_and_size() -> None:
    """Forwards, files in TNEF and uuencoded files too; extended names are decoded."""
    assert seed("forward").attachments == (
        Attachment("original.eml", "message/rfc822", 161),
        Attachment("résumé.pdf.exe", "application/octet-stream", 8),
    )
    assert [file.name for file in seed("tnef").attachments] == ["winmail.dat", "report.docm"]
    assert [file.name for file in seed("uuencode").attachments] == ["tool.exe"]
    assert [file.name for file in seed("rfc2231").attachments] == ["a b.pdf."]


def test_hidden_text_is_kept_aside() -> None:
    """Every common trick; what only looks like one is seen."""
    message = seed("hidden")
    assert message.body == "Seen\nlarge body\non a picture\nPayPal account"
    assert message.hidden.split("\n") == [
        "preview words",
        "white words",
        "tiny",
        "flat",
        "clear",
        "attribute",
        "far",
        "ghost",
    ]


def test_links_have_targets_and_visible_text() -> None:
    """In HTML the anchors and forms, in plain text the addresses."""
    assert seed("link_mismatch").links == (
        Link("http://login.evil.example/?u=bank.example", "https://www.bank.com/login"),
        Link("http://user@0x7f.1/", "here"),
        Link("http://xn--pypal-4ve.com/", "paypal"),
        Link("//post.example/x", ""),
    )
    words = " ".join(seed("link_mismatch").body.split())
    assert words == "https://www.bank.com/login or here paypal Password Sign in Bank logo"
    assert seed("plain").links == (Link("https://lunch.example.org/menu", "https://lunch.example.org/menu"),)


def test_alternatives_are_compared() -> None:
    """1 where both say the same, near 0 where they do not, None where there is one only."""
    assert (seed("alternative").alternative or 0) > 0.7
    assert (seed("alternatives_differ").alternative or 0) < 0.3
    assert seed("plain").alternative is None


def test_the_same_campaign_has_the_same_text() -> None:
    """Message-ID, dates and the way of a message do not show in its text."""
    raw = (SEEDS / "alternative.eml").read_bytes()
    other = b"Received: from x by y; Mon, 2 Mar 2026 00:00:00 +0000\r\nReturn-Path: <b@c.example>\r\n" + raw
    other = other.replace(b"<1@example.org>", b"<2@example.org>").replace(b"09:00", b"17:45")
    assert read_message(other).text == read_message(raw).text
    assert (
        read_message(b"From a@b.example Tue Mar  3 09:00:00 2026\n" + raw.replace(b"\r\n", b"\n")).text
        == read_message(raw).text
    )


@pytest.mark.parametrize("name", sorted(path.stem for path in SEEDS.glob("*.eml")))
def test_a_text_that_was_read_is_not_changed_by_reading(name: str) -> None:
    """So training on messages and on their texts sees the same."""
    text = seed(name).text
    assert read_text(text) == text


FILE = b"--b\nContent-Type: text/html\nContent-Disposition: attachment\n\n<p>file\n"


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (b"Content-Transfer-Encoding: base64 (as ever)\n\nc2Vlbg==", "seen"),
        (b"Content-Type: text/html\n\n<meta charset=koi8-r><p>\xd0", "п"),
        (b"Content-Type: text/html; charset=iso-8859-1\n\n<meta charset=koi8-r><p>\xd0", "Ð"),
        (b"Content-Type: text/html; name=a.html\nContent-Disposition: attachment\n\n<p>file", "file"),
        (b"Content-Type: multipart/mixed; boundary=b\n\n" + FILE + b"--b--", ""),
        (b"Content-Type: multipart/alternative; boundary=b\n\n" + FILE + b"--b--", "file"),
        (b"Content-Type: multipart/alternative; boundary=b\n\n--b\n\nplain\n" + FILE + b"--b--", "plain"),
        (
            b'Content-Type: multipart/related; boundary=b; start="<h>"\n\n'
            b"--b\nContent-ID: <x>\n\nfirst\n--b\nContent-ID: <h>\n\nstart\n--b--",
            "start",
        ),
    ],
)
def test_what_clients_show_is_read(raw: bytes, seen: str) -> None:
    """Comments in headers; a charset in HTML only where no other is stated; a file only where there is nothing else."""
    assert read_message(b"Subject: x\n" + raw).body == seen


def test_what_is_beyond_a_limit_is_cut_and_said() -> None:
    """Each limit by itself, in words."""
    raw = (SEEDS / "forward.eml").read_bytes()
    sound = Limits()
    assert read_message(raw, sound).cut == ()
    assert read_message(raw, replace(sound, bytes=300)).cut == ("message over 300 bytes",)
    assert read_message(raw, replace(sound, depth=0)).cut == ("parts nested over 0 deep",)
    assert read_message(raw, replace(sound, parts=2)).cut == ("parts over 2",)
    assert "header over 10 bytes" in read_message(raw, replace(sound, header_bytes=10)).cut
    assert read_message(raw, replace(sound, text_chars=20)).cut == ("text over 20 characters",)
    assert len(read_message(raw, replace(sound, text_chars=20)).text) <= 20
    assert read_message(raw, replace(sound, seconds=0.0)).cut == ("reading over 0 s",)
    deep = (SEEDS / "deep_html.eml").read_bytes()
    assert read_message(deep, replace(sound, html_depth=5)).cut == ("HTML nested over 5 deep",)
    assert read_message(deep, replace(sound, html_depth=5)).text == "x\ndeep"
