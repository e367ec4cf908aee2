"""Who may do what: a key's scopes and namespace against what a route needs.

Everything needs a key but what `OPEN` names. A route that is not named here tells of the whole service, and is for
keys of the service's own namespace alone: what is new is closed until somebody thinks of it.
"""

import base64
import binascii
import json
from collections.abc import Iterable
from typing import NamedTuple

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Asgi

from fyke.service.keys import ApiKey, KeySet, Scope

IDENTITY = "fyke.identity"
OPEN = frozenset({"/livez", "/readyz"})
_ANY_TENANT = frozenset({"/model", "/cache", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/"})
_ADMIN = ("/admin", "/cache/purge")
_OWN_ENTRIES = frozenset({"/cache/purge"})  # what of these concerns the key's own namespace alone
_PREDICT = ("/predict", "/explain")
_PAGE = ("/ui",)
_LIVE = "/ui/live"

_ASKS = (
    "This needs an API key.\n\n"
    "Load the page again: the browser asks for a name and a password. Any name will do; the password is the key.\n"
    "The page needs a key with two scopes: fyke keys add NAME --scope predict --scope read"
)
_OTHER_KEY = "The browser keeps a key until it is closed; in a private window it asks for another one."

Headers = Iterable[tuple[bytes, bytes]]


class Rule(NamedTuple):
    """What a route needs: a scope, and whether a key of any namespace will do."""

    scope: Scope
    any_namespace: bool


def rule_for(path: str) -> Rule | None:
    """What a path needs; None where it is open to all."""
    if path in OPEN:
        return None
    if _under(path, _PREDICT):
        return Rule("predict", True)
    if _under(path, _ADMIN):
        return Rule("admin", path in _OWN_ENTRIES)
    return Rule("read", path in _ANY_TENANT or (_under(path, _PAGE) and path != _LIVE))


def token_in(headers: Headers) -> bytes | None:
    """The one key that a request shows: ``Authorization: Bearer``, or ``Basic`` with it as the password, as browsers
    ask for it, or ``X-API-Key``. None without one, and where there are several.
    """
    found = []
    for name, value in headers:
        if name == b"x-api-key":
            found.append(value.strip())
        elif name == b"authorization":
            scheme, _, rest = value.strip().partition(b" ")
            if scheme.lower() == b"bearer":
                found.append(rest.strip())
            elif scheme.lower() == b"basic":
                found.append(_password(rest))
            else:
                found.append(b"")
    return found[0] if len(found) == 1 and found[0] else None


class Access:
    """The keys in force, the service's ``own`` namespace, and the ``rate`` of keys without one of their own."""

    def __init__(self, keys: KeySet, own: str, rate: str | None = None):
        self.keys = keys
        self.own = own
        self.rate = rate

    def is_limited(self, key: ApiKey) -> bool:
        """Whether a key's requests are counted."""
        return (key.rate or self.rate) is not None

    def identify(self, headers: Headers) -> ApiKey | None:
        """Whose request this is."""
        token = token_in(headers)
        return None if token is None else self.keys.find(token)

    def refusal(self, path: str, key: ApiKey | None, *, browser: bool = False) -> JSONResponse | None:
        """Why a key, or none, may not have a path; None if it may. A ``browser`` is told to ask for a password."""
        rule = rule_for(path)
        if rule is None:
            return None
        if key is None:
            return JSONResponse(
                {"detail": "This needs an API key: send Authorization: Bearer KEY, or X-API-Key: KEY."},
                401,
                headers={"www-authenticate": f'{"Basic" if browser else "Bearer"} realm="fyke"'},
            )
        if rule.scope not in key.scopes:
            return _forbidden(f"the scope {rule.scope!r}; key {key.name!r} has {', '.join(sorted(key.scopes))}", rule)
        if not rule.any_namespace and key.namespace != self.own:
            return _forbidden(f"a key of namespace {self.own!r}: it tells of the whole service", rule)
        return None


class Gate:
    """ASGI middleware: whoever may not is answered here, before a byte of a body is read."""

    def __init__(self, app: ASGIApp, access: Access):
        self.app = app
        self.access = access

    async def __call__(self, scope: Asgi, receive: Receive, send: Send) -> None:
        """Pass on with the key's identity in the scope, or refuse."""
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        key = self.access.identify(scope["headers"])
        browser = any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
        refused = self.access.refusal(scope["path"], key, browser=browser)
        if refused is not None and scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        if refused is not None:
            return await (_in_words(refused) if browser else refused)(scope, receive, send)
        return await self.app({**scope, IDENTITY: key}, receive, send)


def identity(connection: HTTPConnection) -> ApiKey | None:
    """Whose request this is, where keys are asked for."""
    found: ApiKey | None = connection.scope.get(IDENTITY)
    return found


def _forbidden(needs: str, rule: Rule) -> JSONResponse:
    challenge = f'Bearer realm="fyke", error="insufficient_scope", scope="{rule.scope}"'
    return JSONResponse({"detail": f"This needs {needs}."}, 403, headers={"www-authenticate": challenge})


def _in_words(refused: JSONResponse) -> Response:
    """The same for whoever looks at a page, with what to do."""
    detail = str(json.loads(bytes(refused.body))["detail"])
    said = f"{_ASKS}\n" if refused.status_code == 401 else f"{detail}\n\n{_OTHER_KEY}\n"
    challenge = {"www-authenticate": refused.headers["www-authenticate"]}
    return PlainTextResponse(said, refused.status_code, headers=challenge)


def _under(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(root + "/") for root in roots)


def _password(encoded: bytes) -> bytes:
    try:
        return base64.b64decode(encoded.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""
