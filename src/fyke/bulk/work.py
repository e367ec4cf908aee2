"""What a helping process does, and how any process of the crew runs. Light to import, as the start must be quick."""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from fyke.errors import FykeError, ModelError

if TYPE_CHECKING:
    from fyke.bulk.helpers import Scored
    from fyke.bulk.scorer import Scorer

log = logging.getLogger(__name__)


def start(pipe: Connection) -> None:
    """Help until the parent has nothing more or is gone; see `fyke.bulk.helpers` for what is said over the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    spare_collector()
    with suppress(EOFError, OSError):
        run(_help(pipe))
    os._exit(0)  # at once: the parent waits for the end


async def _help(pipe: Connection) -> None:
    from fyke.bulk.scorer import Scorer
    from fyke.model.directory import at_prior, load_model

    try:
        directory, prior, model_id = pipe.recv()
        classifier = at_prior(load_model(directory), prior).classifier
        if classifier.id != model_id:
            raise ModelError(f"{directory}: the model was replaced meanwhile; run the command again.")
        scorer, _ = await Scorer.open(pipe.recv(), classifier, say=False)
    except FykeError as error:
        pipe.send(error)
        return
    async with scorer:
        pipe.send("ready")
        texts = await asyncio.to_thread(pipe.recv)
        while texts is not None:
            coming = asyncio.create_task(asyncio.to_thread(pipe.recv))
            scored = await _score(scorer, texts)
            with suppress(OSError):  # the parent is gone, as the next list, which does not come, will say
                pipe.send(scored)
            texts = await coming


async def _score(scorer: "Scorer", texts: list[str]) -> "Scored | FykeError":
    try:
        return await scorer.score(texts)
    except Exception as error:
        log.exception("a batch could not be scored")
        return FykeError(f"A batch could not be scored ({error!r}).")


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run it on the loop that the service uses."""
    factory = None
    if sys.platform != "win32":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


def spare_collector() -> None:
    """Let the process that calls this look for garbage less: it would walk the model and the cache time and again."""
    gc.set_threshold(100_000, 50, 1000)
