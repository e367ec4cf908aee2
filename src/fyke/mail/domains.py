"""Hosts and the domains they belong to: after the public suffix list that comes with a library; nothing is fetched."""

import ipaddress
import re
from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList

from fyke.mail.normalising import compatible, scripts

HOST_CHARS = 253
LABEL_CHARS = 63
NAMED = 20
"""hosts that one text names"""

_SCHEME = re.compile(r"\s*(?:https?|ftp):[/\\]{0,10}", re.IGNORECASE)
_AUTHORITY_END = re.compile(r"[/\\?#\s]")
_HOST = re.compile(r"[^\W_](?:[\w-]{0,62})(?:\.[\w-]{1,63})*\Z")
# A word of a text that names a host: an address with a scheme, or dotted labels of which the last is a known suffix.
_NAMED = re.compile(
    r"(?:(?:https?|ftp)://|www\.)[^\s<>\"']{1,500}"
    r"|(?<![\w@./-])[^\W_][\w-]{0,62}(?:\.[\w-]{2,63}){1,6}(?![\w@-])"
)


def host_of(target: str) -> str:
    """The host of a web address in ASCII (A-labels), lower case; an IPv4 address dotted; "" for other addresses."""
    scheme = _SCHEME.match(target[:4000])
    if scheme is None:
        return ""
    authority = _AUTHORITY_END.split(target[scheme.end() : 4000], maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()[:HOST_CHARS]
    return ascii_host(host.partition(":")[0][: HOST_CHARS + 1])


@lru_cache(maxsize=4096)
def ascii_host(host: str) -> str:
    """A host name in its one spelling: ASCII, lower case, no dot at the end; "" for what is no host name."""
    host = compatible(host.replace("\u3002", ".")[: HOST_CHARS + 1]).lower().strip(".")
    if not host or len(host) > HOST_CHARS:
        return ""
    address = _ipv4(host)
    if address:
        return address
    if any(len(label) > LABEL_CHARS for label in host.split(".")):
        return ""
    labels = [
        label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii") for label in host.split(".")
    ]
    ascii_name = ".".join(labels)
    return ascii_name if re.match(r"[a-z0-9_.-]+\Z", ascii_name) and ".." not in ascii_name else ""


@lru_cache(maxsize=4096)
def is_ip(host: str) -> bool:
    """Whether a host is an IP address."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def registrable(host: str) -> str:
    """The domain that somebody registered, such as ``example.co.uk``; the host itself where it has none."""
    return host if not host or is_ip(host) else (_suffixes().privatesuffix(host) or host)


@lru_cache(maxsize=4096)
def known_suffix(host: str) -> bool:
    """Whether a host ends in a suffix that is on the list, below which names are registered."""
    return _suffixes().privatesuffix(host, accept_unknown=False) is not None


def named_hosts(text: str) -> list[str]:
    """The hosts that a text names to its reader, at most ``NAMED``: ``www.example.com``, ``https://example.com/x``."""
    hosts = []
    for match in _NAMED.finditer(text[:2000]):
        word = match[0] if "://" in match[0] else "http://" + match[0]
        host = host_of(word.rstrip(".,;:!?"))
        named = "://" in match[0] if is_ip(host) else "." in host and known_suffix(host)  # 1.2.3.4 may be a version
        if named:
            hosts.append(host)
            if len(hosts) == NAMED:
                break
    return hosts


@lru_cache(maxsize=4096)
def unicode_host(host: str) -> str:
    """A host as its reader might see it, with its punycode labels decoded where they can be."""
    return ".".join(map(_decoded, host.split(".")))


def mixed_scripts(host: str) -> bool:
    """Whether a label of a host mixes Latin, Greek and Cyrillic letters."""
    return any(len(scripts(label)) > 1 for label in unicode_host(host).split("."))


def _decoded(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:67].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label


def _ipv4(host: str) -> str:
    """The address that browsers take such a host for (one to four numbers, decimal, octal or hexadecimal), or ""."""
    pieces = host.split(".")
    if len(pieces) > 4 or not all(re.match(r"(?:0x[0-9a-f]{0,8}|\d{1,11})\Z", piece) for piece in pieces):
        return ""
    numbers = [_number(piece) for piece in pieces]
    *firsts, last = numbers
    if any(number < 0 or number > 255 for number in firsts) or not 0 <= last < 256 ** (5 - len(pieces)):
        return ""
    return str(ipaddress.IPv4Address(sum(one << (24 - 8 * place) for place, one in enumerate(firsts)) + last))


def _number(piece: str) -> int:
    try:
        if piece.startswith("0x"):
            return int(piece[2:] or "0", 16)
        return int(piece, 8) if len(piece) > 1 and piece.startswith("0") else int(piece)
    except ValueError:
        return -1


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
