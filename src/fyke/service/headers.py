"""What every response says to browsers, and which pages may call: none, unless they are named."""

from collections.abc import Collection

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
EXPOSED = ("age", "cache-status", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id")
ALLOWED = ("authorization", "cache-control", "content-type", "x-api-key")
_POLICY = "content-security-policy"
_OWN_POLICY = ("/docs", "/redoc")  # FastAPI's pages load their scripts from elsewhere


class SecurityHeaders:
    """ASGI middleware: `SECURITY` on every response; a page's own policy stays."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on with a ``send`` that adds them."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    if name != _POLICY or not scope["path"].startswith(_OWN_POLICY):
                        headers.setdefault(name, value)
            await send(message)

        return await self.app(scope, receive, told)


class SameSite:
    """ASGI middleware: a browser's requests that change something come from pages of the service, or of ``origins``.

    A page elsewhere can send simple requests, such as forms, without being let read the answer, and a browser shows the
    password that it knows with them. Browsers say where a request comes from; other clients do not, and are let in.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]):
        self.app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse with 403."""
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            said = dict(scope["headers"])
            site = said.get(b"sec-fetch-site", b"none")
            origin = said.get(b"origin", b"").decode("latin-1").lower()
            if site in (b"cross-site", b"same-site") and origin not in self._origins:
                detail = f"Pages of {origin or 'elsewhere'} may not call this service: name them in FYKE_CORS_ORIGINS."
                return await JSONResponse({"detail": detail}, 403)(scope, receive, send)
        return await self.app(scope, receive, send)
