"""How long entries live, and when a hit renews one."""

import random
from dataclasses import dataclass

from fyke.cache.entry import Entry

RENEW_BELOW = 0.25  # a hit on an entry with less than this share of its TTL left renews it


@dataclass(frozen=True)
class Lifetimes:
    """How long entries live, in milliseconds; ``max_age`` counts from the prediction and no renewal passes it."""

    ttl: int
    jitter: float = 0.1
    max_age: int | None = None

    def expiry(self, created: int, now: int, rng: random.Random) -> int:
        """When an entry kept or renewed now goes: after the TTL, less a random share of up to ``jitter``."""
        expires = now + int(self.ttl * (1 - self.jitter * rng.random()))
        return expires if self.max_age is None else min(expires, created + self.max_age)

    def alive(self, entry: Entry, now: int) -> bool:
        """Whether an entry may still answer."""
        return entry.expires > now and (self.max_age is None or now - entry.created < self.max_age)

    def renewal(self, entry: Entry, now: int, rng: random.Random) -> Entry | None:
        """The same entry with a new TTL when it is near its end; None when it is not, or cannot live longer."""
        if entry.expires - now > RENEW_BELOW * self.ttl:
            return None
        expires = self.expiry(entry.created, now, rng)
        return entry._replace(expires=expires) if expires > entry.expires else None
