"""The faults of a soak, each with its end; a fault that is not over in time is an error."""

import asyncio
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.asks import garbage
from bench.machine import SAMPLE
from bench.mixed import Client
from bench.processes import workers
from bench.servers import HOST, FykeServer, RedisServer
from fyke.model.directory import WEIGHTS

LIMIT = 60.0  # seconds until a fault must be over
ASKED = 8  # connections that tell what the processes say
NOISE = 50.0  # requests a second that are garbage, beside the load


@dataclass
class Rig:
    """What a fault may take hold of. ``killed``: when a worker was, by `time.perf_counter`."""

    service: FykeServer
    redis: RedisServer
    followed: Path
    others: dict[str, str]  # ids of the models "first" and "second"
    hold: float
    killed: list[float] = field(default_factory=list)


async def redis_killed(rig: Rig) -> str:
    """SIGKILL to Redis; an empty one starts on the same port later."""
    rig.redis.kill()
    await asyncio.sleep(rig.hold)
    rig.redis.spawn_redis()
    await rig.redis.wait_until_ready()
    seconds = await _all_say(rig, "cache_breaker", "closed")
    return f"away for {rig.hold:.0f} s; used again {seconds:.1f} s after its start"


async def worker_killed(rig: Rig) -> str:
    """SIGKILL to a worker."""
    victim = min(await asyncio.to_thread(workers, rig.service.pid))
    os.kill(victim, signal.SIGKILL)
    rig.killed.append(time.perf_counter())

    async def replaced() -> bool:
        return len(workers(rig.service.pid) - {victim}) == 2

    return f"another was started {await _until(replaced):.1f} s later"


async def model_swapped(rig: Rig) -> str:
    """`fyke train --force` writes another model into the directory that is followed; later the old one is put back."""
    kept = rig.followed.with_name("kept")
    shutil.copytree(rig.followed, kept)
    await asyncio.to_thread(train, rig.followed, "--force")
    there = await _all_say(rig, "model_id", rig.others["second"])
    await asyncio.sleep(rig.hold)
    shutil.rmtree(rig.followed)
    kept.rename(rig.followed)
    back = await _all_say(rig, "model_id", rig.others["first"])
    return f"in force {there:.1f} s after it was written, the old one {back:.1f} s after it was put back"


async def garbage_sent(rig: Rig) -> str:
    """Noise on top of the load, and a model directory whose weights are cut short."""
    weights = rig.followed / WEIGHTS
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    refused = await _all_say(rig, "model_refused", True)
    client, asked = Client(rig.service.port), garbage(random.Random(len(rig.killed)))  # noqa: S311
    wrong, count = 0, int(rig.hold * NOISE)
    for _ in range(count):
        shot = await client.ask(next(asked), time.perf_counter())
        wrong += not shot.right
        await asyncio.sleep(1 / NOISE)
    client.close()
    weights.write_bytes(whole)
    await _all_say(rig, "model_refused", False)
    if wrong:
        raise RuntimeError(f"{wrong} of {count} pieces of garbage were not refused with 4xx")
    return f"the model was refused {refused:.1f} s after it was cut short; {count:,} pieces answered with 4xx"


FAULTS: dict[str, Callable[[Rig], Awaitable[str]]] = {
    "Redis killed": redis_killed,
    "worker killed": worker_killed,
    "model swapped": model_swapped,
    "garbage sent": garbage_sent,
}


def train(directory: Path, *flags: str) -> None:
    """A model of the sample in a directory, behind whatever else the machine does."""
    command = ["nice", sys.executable, "-m", "fyke", "train", str(SAMPLE), "--output", str(directory), *flags]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603


async def _all_say(rig: Rig, name: str, value: object) -> float:
    """Wait until every process says so of itself, as far as some connections reach them; gives the seconds."""

    async def said() -> bool:
        async def one() -> bool:
            async with httpx.AsyncClient(timeout=30) as client:
                answer = await client.get(f"http://{HOST}:{rig.service.port}/readyz")
            return bool(answer.json()[name] == value)

        return all(await asyncio.gather(*(one() for _ in range(ASKED))))

    return await _until(said)


async def _until(condition: Callable[[], Awaitable[bool]]) -> float:
    began = time.perf_counter()
    while not await condition():
        if time.perf_counter() > began + LIMIT:
            raise RuntimeError(f"it did not come about within {LIMIT:.0f} s")
        await asyncio.sleep(0.1)
    return time.perf_counter() - began
