"""Facts about a message that its reader should know."""

from dataclasses import replace

import pytest

from fyke.mail.domains import ascii_host, host_of, named_hosts, registrable
from fyke.mail.message import Address, Attachment, Authentication, Link, Message
from fyke.mail.signs import DETAIL_CHARS, EACH, NAMES, Sign, signs

PLAIN = Message(sender=Address("Ada", "ada@example.org"), body="hello")


def names(message: Message, *trusted: str) -> list[str]:
    """The names of the signs of a message."""
    return [sign.name for sign in signs(message, trusted)]


@pytest.mark.parametrize(
    ("text", "target", "mismatch"),
    [
        ("https://www.bank.com/login", "http://evil.example.net/", True),
        ("bank.com", "https://track.mailer.net/c?u=bank.com", True),
        ("visit bank.co.uk now", "http://other.co.uk/", True),
        ("www.bank.com", "http://bank.com@evil.net/", True),
        ("pay.bank.com", "https://login.bank.com/", False),
        ("bank.com", "https://bank.com.", False),
        ("BANK.com", "HTTPS://WWW.Bank.Com:443/", False),
        ("click here", "http://evil.net/", False),
        ("Node.js and e.g. this", "http://nodejs.org/", False),
        ("read report.pdf", "http://files.net/", False),
        ("ada@bank.com", "http://mail.net/", False),
        ("bank.com", "mailto:ada@other.net", False),
        ("version 6.0.0.25", "http://files.net/", False),
        ("http://192.0.2.1/", "http://files.net/", True),
        ("version 1.2.3", "http://files.net/", False),
        ("paypal。com", "http://evil.net/", True),
        ("bank.com", "//evil.net/x", True),
    ],
)
def test_link_text_that_names_another_domain(text: str, target: str, mismatch: bool) -> None:
    """Another registrable domain, that is: a subdomain of the same is none, and words are no domain."""
    assert names(replace(PLAIN, links=(Link(target, text),))) == ["link-text-domain"] * mismatch


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("http://192.0.2.7/x", "192.0.2.7"),
        ("http://0x7f.1/", "127.0.0.1"),
        ("http://3221226219/", "192.0.2.235"),
        ("https:\\\\user:pw@192.0.2.7:8080\\x", "192.0.2.7"),
        ("http://[2001:db8::1]/", "2001:db8::1"),
    ],
)
def test_links_to_addresses_without_a_name(target: str, shown: str) -> None:
    """In every spelling that a browser takes."""
    assert signs(replace(PLAIN, links=(Link(target, "x"),))) == [Sign("ip-link", shown)]


def test_answers_that_go_elsewhere() -> None:
    """Another registrable domain than the sender's."""
    assert names(replace(PLAIN, reply_to=Address("", "x@mail.example.org"))) == []
    assert names(replace(PLAIN, reply_to=Address("", "x@gmail.example"))) == ["reply-to-domain"]
    several = Address("", "x@example.org", ("y@mail.example.org", "z@gmail.example"))
    assert signs(replace(PLAIN, reply_to=several)) == [
        Sign("reply-to-domain", "from example.org, answers go to gmail.example")
    ]


def test_a_display_name_that_carries_another_address() -> None:
    """An address of another domain than the true one."""
    assert names(replace(PLAIN, sender=Address("service@bank.com", "x@evil.net"))) == ["display-name-address"]
    assert names(replace(PLAIN, sender=Address("Bank <service@bank.com>", ""))) == ["display-name-address"]
    assert names(replace(PLAIN, sender=Address("<service@bank.com>", "x@evil.net"))) == ["display-name-address"]
    assert names(replace(PLAIN, sender=Address("ada@example.org", "ada@example.org"))) == []
    assert names(replace(PLAIN, sender=Address("Ada @ Example", "ada@example.org"))) == []


def test_domains_that_are_not_what_they_look_like() -> None:
    """Punycode, and letters of two scripts in one label, however the domain is written."""
    assert names(replace(PLAIN, links=(Link("http://p\u0430ypal.com/", "x"),))) == [
        "punycode-domain",
        "mixed-script-domain",
    ]
    assert names(replace(PLAIN, links=(Link("http://xn--pypal-4ve.com/", "x"),))) == [
        "punycode-domain",
        "mixed-script-domain",
    ]
    assert names(replace(PLAIN, sender=Address("", "x@münchen.de"))) == ["punycode-domain"]


def test_a_domain_and_its_punycode_are_one() -> None:
    """So a link to it that says its name is no mismatch."""
    assert names(replace(PLAIN, links=(Link("http://xn--mnchen-3ya.de/", "münchen.de"),))) == ["punycode-domain"]


def test_only_trusted_servers_are_believed() -> None:
    """Anybody can write the header; a result that passed is no sign."""
    stated = Authentication("MX.example.org", (("spf", "fail"), ("dkim", "pass"), ("dmarc", "none")))
    message = replace(PLAIN, authentication=(stated,))
    assert names(message) == names(message, "other.example") == []
    assert signs(message, ["mx.example.org"]) == [Sign("authentication-failed", "MX.example.org says spf=fail")]


def test_hidden_text_and_split_words() -> None:
    """With how much of it there is."""
    assert signs(replace(PLAIN, hidden="one two three")) == [Sign("hidden-text", "3 words that no reader sees")]
    assert names(replace(PLAIN, repairs=("zero-width",))) == ["hidden-text"]


@pytest.mark.parametrize(
    ("name", "kind", "runs"),
    [
        ("invoice.pdf.exe", "application/pdf", True),
        ("INVOICE.JS ", "text/plain", True),
        ("report.docm", "application/octet-stream", True),
        ("x", "application/x-msdownload", True),
        ("disk.img", "application/octet-stream", True),
        ("x.appref-ms", "", True),
        ("page.html", "text/html", False),
        ("report.docx", "application/octet-stream", False),
        ("photo.jpeg", "image/jpeg", False),
        ("exe", "", False),
    ],
)
def test_files_that_run_code(name: str, kind: str, runs: bool) -> None:
    """By the last ending of the name, or by the type."""
    assert names(replace(PLAIN, attachments=(Attachment(name, kind, 1),))) == ["executable-attachment"] * runs


def test_signs_are_bounded() -> None:
    """Each once, a few of a name, short, in a fixed order."""
    links = tuple(Link(f"http://192.0.2.{number}/" + "x" * 5000, "y" * 5000) for number in range(100)) * 2
    found = signs(replace(PLAIN, links=links, hidden="x", sender=Address("a@b.com " * 500, "x@evil.net")))
    assert len(found) <= EACH * len(NAMES)
    assert len(set(found)) == len(found)
    assert all(len(sign.detail) <= DETAIL_CHARS for sign in found)
    assert [NAMES.index(sign.name) for sign in found] == sorted(NAMES.index(sign.name) for sign in found)


def test_hosts() -> None:
    """The host that a browser would go to, and the domain that somebody registered."""
    assert host_of("http://user@EXAMPLE.com.:80/x@y.net") == "example.com"
    assert host_of("javascript:alert(1)") == host_of("http://") == host_of("/a//b") == ""
    assert host_of("//example.com/") == host_of("\x01 http://%65xample.com/") == "example.com"
    assert host_of("http://%31.2.3.4/") == "1.2.3.4"
    assert ascii_host("bücher.example") == "xn--bcher-kva.example"
    assert registrable("a.b.example.co.uk") == "example.co.uk"
    assert registrable("me.github.io") == "me.github.io"
    assert registrable("192.0.2.1") == "192.0.2.1"
    assert named_hosts("see www.example.com, https://x.example.org/a and file.txt") == [
        "www.example.com",
        "x.example.org",
    ]
