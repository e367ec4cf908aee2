"""Names by which the service may be asked for, where whoever can reach it is let in.

A web page can make its own name lead to 127.0.0.1 (DNS rebinding), and its scripts then read the answers of a service
there. Browsers tell the name in ``Host``, which no page can change. Addresses, names of one label and those under the
domains of `PRIVATE` come from no name server that a page's owner could have, and are let through.
"""

import ipaddress
import re
import socket

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from fyke.settings import ANY_HOST, Settings

PRIVATE = (".localhost", ".test", ".internal")  # RFC 6761; SAC113
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(:[0-9]*)?")
_MOST_SHOWN = 100


class Hosts:
    """Which values of ``Host`` are let through, with any port: ``names``, and those that no page can have."""

    def __init__(self, *names: str):
        self._names = frozenset(_bare(name) for name in names)
        self._last = b""  # that was found to

    def __contains__(self, host: bytes) -> bool:
        if host == self._last:
            return True
        found = _HOST.fullmatch(host)
        name = _bare(found[1].decode("latin-1")) if found else ""
        if not (name and (name in self._names or is_private(name))):
            return False
        self._last = host
        return True


class OwnHost:
    """ASGI middleware: a request for another host is refused with 421. One without ``Host`` is no browser's."""

    def __init__(self, app: ASGIApp, hosts: Hosts):
        self.app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on or refuse."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and value not in self._hosts:
                    return await _misdirected(value)(scope, receive, send)
        return await self.app(scope, receive, send)


def hosts_from(settings: Settings) -> Hosts | None:
    """The hosts that may be asked for; None where all may.

    Unless hosts are named that is where keys are asked for, and where the address is not this machine's alone: others
    could reach it there without any page's help.
    """
    named = settings.allowed_hosts
    if ANY_HOST in named or not (named or (settings.keys_file is None and leads_here(settings.host))):
        return None
    return Hosts(settings.host, *named)


def is_local(name: str) -> bool:
    """Whether a name or an address means this machine wherever it is said."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def is_private(name: str) -> bool:
    """Whether a name is one that no page on the network can have: an address, or a name that only a machine or its
    own network knows."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name or name.endswith(PRIVATE)
    return True


def leads_here(host: str) -> bool:
    """Whether a name or an address leads to this machine alone; what cannot be looked up does not."""
    try:
        found = socket.getaddrinfo(host or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(one[4][0]).partition("%")[0]).is_loopback for one in found)


def _bare(name: str) -> str:
    return name.lower().strip("[]").removesuffix(".")


def _misdirected(host: bytes) -> JSONResponse:
    shown = host[:_MOST_SHOWN].decode("latin-1")
    said = f"Host: {shown!r} is no name of this service; ask at http://localhost, or name it in FYKE_ALLOWED_HOSTS."
    return JSONResponse({"detail": said}, 421)
