"""Facts about a message that its reader should know: no score, and the model need not use them."""

import itertools
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from fyke.mail.domains import (
    HOST_CHARS,
    ascii_host,
    host_of,
    is_ip,
    mixed_scripts,
    named_hosts,
    registrable,
    unicode_host,
)
from fyke.mail.executables import runs_code
from fyke.mail.message import Message

NAMES = (
    "link-text-domain",
    "reply-to-domain",
    "display-name-address",
    "punycode-domain",
    "mixed-script-domain",
    "ip-link",
    "authentication-failed",
    "hidden-text",
    "executable-attachment",
)
"""The vocabulary of signs, in the order in which they are given"""
DETAIL_CHARS = 200
EACH = 5
"""signs of one name in one message"""
HOSTS = 500
"""of one message that texts of links name and that are looked up"""
ALPHABETS = 20
"""hosts in punycode of one message that are decoded"""
ENCODED = 30
"""targets of links beyond ASCII whose hosts are looked at"""
WORDS = 100
"""of a sender's name that are looked at"""

_QUOTES = "<>()[]{}\"'`,;:!?*“”„‘’«»‹›"  # noqa: RUF001
_WORD = re.compile(r"\w{2,}")
_FAILED = ("fail", "hardfail", "softfail")


@dataclass(frozen=True, slots=True)
class Sign:
    """One fact."""

    name: str
    """of ``NAMES``"""
    detail: str
    """what is the case, at most ``DETAIL_CHARS`` characters"""


def signs(message: Message, trusted: Collection[str] = ()) -> list[Sign]:
    """The signs of a message, each said once, at most ``EACH`` of a name.

    ``trusted`` names the servers whose authentication results count (authserv-ids): anybody can write that header.
    """
    found: dict[str, dict[str, None]] = {name: {} for name in NAMES}

    def wanted(name: str) -> bool:
        return len(found[name]) < EACH

    for name, detail in _all(message, frozenset(server.lower() for server in trusted), wanted):
        if wanted(name):
            found[name][" ".join(detail.split())[:DETAIL_CHARS]] = None
    return [Sign(name, detail) for name, details in found.items() for detail in details]


def _all(message: Message, trusted: frozenset[str], wanted: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    hosts = list(_hosts(message))
    yield from _links(message, hosts, wanted)
    yield from _addresses(message)
    yield from _domains(message, hosts)
    for one in message.authentication:
        if one.server.lower() in trusted:
            for method, result in one.results:
                if result in _FAILED:
                    yield "authentication-failed", f"{one.server} says {method}={result}"
    words = len(_WORD.findall(message.hidden))
    if words:
        yield "hidden-text", f"{words:,} words that no reader sees"
    elif "zero-width" in message.repairs:
        yield "hidden-text", "characters without width inside words"
    for file in message.attachments:
        if runs_code(file):
            yield "executable-attachment", f"{file.name or 'a file without a name'} ({file.kind})"


def _hosts(message: Message) -> Iterator[str]:
    """The host of each link; of those beyond ASCII, which take long to encode, the first only."""
    left = ENCODED
    for link in message.links:
        left -= not link.target.isascii()
        yield host_of(link.target) if left >= 0 or link.target.isascii() else ""


def _links(message: Message, hosts: list[str], wanted: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    left = HOSTS
    for link, host in zip(message.links, hosts, strict=True):
        if not host:
            continue
        if wanted("ip-link") and is_ip(host):
            yield "ip-link", host
        if left <= 0 or "." not in link.text or link.text == link.target or not wanted("link-text-domain"):
            continue
        named = named_hosts(link.text)
        left -= len(named)
        if named and registrable(host) not in map(registrable, named):
            yield "link-text-domain", f"says {named[0]}, leads to {host}"


def _addresses(message: Message) -> Iterator[tuple[str, str]]:
    sender, reply_to = _domain(message.sender.address), _domain(message.reply_to.address)
    if sender and reply_to and registrable(sender) != registrable(reply_to):
        yield "reply-to-domain", f"from {sender}, answers go to {reply_to}"
    for word in message.sender.name.split()[:WORDS]:
        shown = word.strip(_QUOTES).lower()
        local, at, domain = shown.rpartition("@")
        named = ascii_host(domain) if at and local else ""
        if "." in named and shown != message.sender.address.lower() and registrable(named) != registrable(sender):
            yield "display-name-address", f"calls itself {shown}, sent from {message.sender.address or 'no address'}"


def _domains(message: Message, linked: list[str]) -> Iterator[tuple[str, str]]:
    hosts = [_domain(message.sender.address), _domain(message.reply_to.address)]
    encoded = (host for host in dict.fromkeys(hosts + linked) if host.startswith("xn--") or ".xn--" in host)
    for host in itertools.islice(encoded, ALPHABETS):
        yield "punycode-domain", f"{host} is read as {unicode_host(host)}"
        if mixed_scripts(host):
            yield "mixed-script-domain", f"{host} mixes alphabets"


def _domain(address: str) -> str:
    return ascii_host(address.rpartition("@")[2][: HOST_CHARS + 1]) if "@" in address else ""
