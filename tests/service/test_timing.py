"""Latency tells a tenant nothing of another's mail: it is a miss either way."""

import asyncio
import random
import time
from pathlib import Path

from tests.service.keyed import Keys, asking, keyed_app

PAIRS = 250
_WORDS = ["meeting", "account", "prize", "invoice", "please", "click", "team", "report", "money", "offer"]


def order(first: list[float], second: list[float]) -> float:
    """How often a latency of the first kind is below one of the second: 0.5 where they cannot be told apart.

    With `PAIRS` of each its standard deviation is then 0.026, whatever the machine does meanwhile: the kinds come in
    random order.
    """
    ranked = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    ranks = sum(place for place, (_, kind) in enumerate(ranked) if kind == 1)
    return (ranks - len(second) * (len(second) - 1) / 2) / (len(first) * len(second))


def test_latency_does_not_tell_what_another_tenant_has_asked(tmp_path: Path) -> None:
    """Bob's latencies for what Ann has asked and for what nobody has, in random order, come in no order of their own.

    That the same test sees Ann's own hits shows that it could.
    """
    rng = random.Random(8)
    texts = [f"{' '.join(rng.choices(_WORDS, k=1000))} {number}" for number in range(4 * PAIRS)]
    known, unknown, own, new = (texts[kind::4] for kind in range(4))
    keys = Keys(tmp_path / "keys.json")
    for who in ("ann", "bob"):
        keys.add(who, "predict", "read", namespace=who)

    async def run() -> None:
        app, _ = keyed_app(keys)
        async with asking(app) as client:

            async def ask(who: str, text: str) -> float:
                began = time.perf_counter()
                answer = await client.post("/predict", json={"text": text}, headers=keys.shows(who))
                took = time.perf_counter() - began
                assert answer.is_success
                return took

            for text in known + own:
                await ask("ann", text)
            asked = [("bob", text, 0) for text in known] + [("bob", text, 1) for text in unknown]
            asked += [("ann", text, 2) for text in own] + [("ann", text, 3) for text in new]
            rng.shuffle(asked)
            took: list[list[float]] = [[], [], [], []]
            for who, text, kind in asked:
                took[kind].append(await ask(who, text))
            assert 0.35 < order(took[0], took[1]) < 0.65
            assert order(took[2], took[3]) > 0.75
            counts = (await client.get("/cache", headers=keys.shows("bob"))).json()
            assert counts["hits"]["memory"] == 0

    asyncio.run(run())
