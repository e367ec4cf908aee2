"""The figures of several processes behind one port, summed for whichever of them is asked.

Each process writes its samples into a file of a private directory that the parent made, once a second and whenever it
is asked itself. Whoever is asked writes its own file and sums all of them, so that a counter never falls from one
answer to the next, whichever process gives it. What the others have counted is at most a second old. The file of a
process that has ended stays: what it counted goes on counting, but for its last second if it was killed.
"""

import asyncio
import contextlib
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from fyke.service.figures import Sample, as_plain, from_plain, runs, total

EVERY = 1.0  # seconds


class Pool:
    """One process's place in it. ``samples`` gives its own; without a ``directory`` there are no others."""

    def __init__(self, samples: Callable[[], list[Sample]], directory: Path | None):
        self._samples = samples
        self._directory = directory
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}.json"
        self._publishing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to publish, where there is anybody to publish to."""
        if self._directory is not None:
            self._publishing = asyncio.get_running_loop().create_task(self._publish_always())

    async def close(self) -> None:
        """Publish a last time."""
        if self._publishing is not None:
            self._publishing.cancel()
            await asyncio.gather(self._publishing, return_exceptions=True)
            self._publish()

    def total(self) -> list[Sample]:
        """The sum over all processes; this one's alone while the directory cannot be used."""
        if self._directory is None or not self._publish():
            return total([(True, self._samples())])
        return total([(runs(int(path.name.partition("-")[0])), _read(path)) for path in self._directory.glob("*.json")])

    async def _publish_always(self) -> None:
        while True:
            self._publish()
            await asyncio.sleep(EVERY)

    def _publish(self) -> bool:
        assert self._directory is not None
        path = self._directory / self._name
        with contextlib.suppress(OSError):
            path.with_suffix(".new").write_text(json.dumps(as_plain(self._samples())))
            path.with_suffix(".new").replace(path)
            return True
        return False


def _read(path: Path) -> list[Sample]:
    try:
        return from_plain(json.loads(path.read_text()))
    except (OSError, ValueError):  # the directory is being removed
        return []
