"""Waiting for something to become true, not for time to pass."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], bool | Awaitable[bool]], within: float = 60) -> None:
    """Return once the condition holds; fail after ``within`` seconds."""
    never = asyncio.Event()
    async with asyncio.timeout(within):
        while True:
            holds = condition()
            if await holds if inspect.isawaitable(holds) else holds:
                return
            try:
                await asyncio.wait_for(never.wait(), 0.01)
            except TimeoutError:
                continue
