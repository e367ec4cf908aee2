"""Rate limits over HTTP: 429, ``Retry-After``, and the ``RateLimit`` headers of the IETF's draft."""

import logging
import math
from typing import TYPE_CHECKING, Any, Literal

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fyke.errors import StoreError
from fyke.service.access import IDENTITY
from fyke.service.keys import ApiKey

if TYPE_CHECKING:  # the library below it takes a while to import, and not everyone has keys
    from fyke.cache.rates import Rates, Taken

log = logging.getLogger(__name__)

Failing = Literal["open", "closed"]
_TAKEN = "fyke.taken"


class RateLimit:
    """ASGI middleware: each request takes one from what its key may have; the routes take for what is in it.

    ``default`` is the rate of keys without their own; None lets those have as much as they want. ``fails`` says what
    happens while the store of the counters, the application's ``state.rates``, does not answer: ``open`` counts in this
    process alone, ``closed`` refuses.
    """

    def __init__(self, app: ASGIApp, default: str | None, fails: Failing):
        self.app = app
        self._default = default
        self._fails = fails

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with what is left in the response's headers, or refuse."""
        key: ApiKey | None = scope.get(IDENTITY)
        rate = None if key is None else key.rate or self._default
        if key is None or rate is None:
            return await self.app(scope, receive, send)
        charge = Charge(scope["app"].state.rates, key, rate, self._fails)
        try:
            await charge.take(1)
        except HTTPException as error:
            refused = JSONResponse({"detail": error.detail}, error.status_code, headers=dict(error.headers or {}))
            return await refused(scope, receive, send)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start" and charge.taken is not None:
                MutableHeaders(scope=message).update(_headers(charge.taken))
            await send(message)

        return await self.app({**scope, _TAKEN: charge}, receive, told)


class Charge:
    """What one request takes of its key's rate."""

    def __init__(self, rates: "Rates", key: ApiKey, rate: str, fails: Failing):
        self._rates = rates
        self._name = f"{key.namespace}/{key.name}"
        self._rate = rate
        self._fails = fails
        self.taken: Taken | None = None

    async def take(self, cost: int) -> None:
        """Take so much more.

        Raises:
            HTTPException: 429 when there is not so much left, 503 when nobody can say and that counts as none.
        """
        try:
            self.taken = await self._rates.take(self._name, self._rate, cost)
        except StoreError as error:
            if self._fails == "closed":
                raise HTTPException(503, f"The rate limit cannot be counted: {error}.", {"retry-after": "1"}) from error
            self.taken = await self._rates.take_alone(self._name, self._rate, cost)
        if not self.taken.allowed:
            wait = str(max(1, math.ceil(self.taken.reset)))
            raise HTTPException(
                429,
                f"The rate of this key is {self._rate}; {cost} wanted, {self.taken.remaining} left. "
                f"Come again in {wait} s, or send less at a time.",
                {"retry-after": wait} | _headers(self.taken),
            )


async def charge_for(request: Request, more: int) -> None:
    """Count what a request holds besides the first.

    Raises:
        HTTPException: as `Charge.take`.
    """
    charge: Charge | Any = request.scope.get(_TAKEN)
    if more > 0 and charge is not None:
        await charge.take(more)


def _headers(taken: "Taken") -> dict[str, str]:
    return {
        "ratelimit-policy": f'"key";q={taken.limit};w={taken.window}',
        "ratelimit": f'"key";r={taken.remaining};t={math.ceil(taken.reset)}',
    }
