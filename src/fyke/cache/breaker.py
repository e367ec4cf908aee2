"""A circuit breaker: after repeated failures, stop asking; then let one probe at a time test the way back."""

from collections.abc import Callable


class Breaker:
    """Closed while calls succeed; open for ``cooldown`` seconds after ``failures`` in a row.

    ``clock`` gives seconds and never goes back. Ask `allow` before a call, then say `succeeded` or `failed`.
    """

    def __init__(self, clock: Callable[[], float], *, failures: int = 5, cooldown: float = 1.0):
        self._clock = clock
        self._limit = failures
        self._cooldown = cooldown
        self._failed = 0
        self._retry_at = 0.0
        self._probing = False

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half-open``."""
        if self._failed < self._limit:
            return "closed"
        return "half-open" if self._probing or self._clock() >= self._retry_at else "open"

    def trip(self) -> None:
        """Open at once: it is known that calls fail."""
        self._failed = self._limit
        self._retry_at = self._clock() + self._cooldown

    def allow(self) -> bool:
        """Whether to make the call; while half-open, true for one caller at a time."""
        if self._failed < self._limit:
            return True
        if self._probing or self._clock() < self._retry_at:
            return False
        self._probing = True
        return True

    def succeeded(self) -> bool:
        """The call worked; true when this closed the breaker."""
        closed = self._failed >= self._limit
        self._failed = 0
        self._probing = False
        return closed

    def failed(self) -> bool:
        """The call did not work; true when this opened the breaker."""
        opened = self._failed + 1 == self._limit
        self._failed = min(self._failed + 1, self._limit)
        self._probing = False
        if self._failed >= self._limit:
            self._retry_at = self._clock() + self._cooldown
        return opened
