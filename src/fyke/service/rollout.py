"""Another model without a restart: loaded and tried beside the old one, then put in its place between two requests."""

import asyncio
import contextlib
import datetime
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import FastAPI

from fyke.cache.opening import Opened
from fyke.cache.spans import Span
from fyke.errors import FykeError
from fyke.model.directory import CARD, WEIGHTS, Model
from fyke.model.encoding import ENCODER, TOKENIZER
from fyke.model.explaining import Explainer
from fyke.model.policies import Policy, policy_from
from fyke.predictor import Predictor
from fyke.service.assembly import first_words, load_from, predictor_from
from fyke.service.freeing import give_back, settle_garbage
from fyke.service.passing import may_pass
from fyke.service.policing import Policies
from fyke.settings import Settings

log = logging.getLogger(__name__)

Seen = tuple[tuple[int, int, int] | None, ...]


class Refusal(NamedTuple):
    """Why a model was not put in force, without where it lies, and when, in UTC."""

    at: str
    why: str


class Outcome(NamedTuple):
    """The id of the model in force after a check, whether it is another than before, and why none took its place."""

    model_id: str
    changed: bool
    refused: str | None = None


def install(
    app: FastAPI, settings: Settings, cache: Opened, model: Model, span: Span, *, instead: bool = False
) -> None:
    """Make ``app.state`` answer by a model: its card, its predictor and its explainer.

    ``instead`` of others, which answer so far: the new ones take over the store and the counts from them.
    """
    earlier: Predictor[str, float] | None = app.state.predictor if instead else None
    predictor: Predictor[str, float] = predictor_from(
        settings,
        model.classifier,
        cache,
        preview=lambda text: first_words(text, settings.cache_preview_words),
        beside=earlier,
        span=span,
    )
    explainer = predictor_from(settings, Explainer(model.classifier), cache, beside=predictor, span=span)
    if earlier is not None:
        predictor.take_over(earlier)
        explainer.ledgers += app.state.explainer.ledgers
    app.state.model, app.state.predictor, app.state.explainer = model, predictor, explainer


class Rollout:
    """Follows the model directory of ``settings``, if they name one, and swaps what ``app.state`` answers by.

    ``others`` is called after a check that somebody asked for, so that the other processes check too.
    """

    def __init__(self, app: FastAPI, settings: Settings, cache: Opened, span: Span, seen: Seen = ()):
        self._app = app
        self._settings = settings
        self._cache = cache
        self._span = span
        self._directory = settings.model
        self._seen = seen
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._follower: asyncio.Task[None] | None = None
        self._earlier: Any = None  # what SIGHUP did before
        self.refusal: Refusal | None = None
        self.others: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Follow the directory from now on, and listen to SIGHUP where signals can be listened to.

        Without a directory too, but for a terminal, which ends by it what runs there when it is closed: nobody should
        end a service by asking it to look again.
        """
        if self._directory is None and os.isatty(0):
            return
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError, AttributeError):
            self._earlier = signal.getsignal(signal.SIGHUP)
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._told)
        if self._directory is not None and self._settings.model_follow:
            self._follower = asyncio.get_running_loop().create_task(self._follow(self._directory))

    async def stop(self) -> None:
        """Follow no longer; wait for what is under way."""
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError, AttributeError):
            if asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP):
                signal.signal(signal.SIGHUP, self._earlier or signal.SIG_DFL)
        if self._follower is not None:
            self._follower.cancel()
        await asyncio.gather(*self._tasks, *filter(None, [self._follower]), return_exceptions=True)

    async def check(self) -> Outcome:
        """Look at the directory now; put its model in force if it is whole and another."""
        async with self._lock:
            seen = () if self._directory is None else look(self._directory)
            try:
                model, policy = await asyncio.to_thread(self._load)
            except FykeError as error:
                return self._refuse(seen, str(error), error)
            except Exception as error:
                why = f"It cannot be loaded ({type(error).__name__}); the log says more."
                if not may_pass(error):
                    log.exception("a model cannot be loaded")
                return self._refuse(seen, why, error)
            self._seen, self.refusal = seen, None
            return self._put_in_force(model, policy)

    def _told(self) -> None:
        if self._directory is None:
            log.info("SIGHUP: the shipped model is served, and there is no other; FYKE_MODEL names a directory of one")
        else:
            self._spawn(self.check)

    def _load(self) -> tuple[Model, Policy]:
        model = load_from(self._settings)
        return model, policy_from(self._settings.policy, model.card.policies, self._settings.abstain)

    def _refuse(self, seen: Seen, why: str, error: Exception) -> Outcome:
        """Keep the old model; what may pass by itself is tried again at the next look, and said once."""
        passing = may_pass(error)
        if not passing:
            self._seen = seen
        asyncio.get_running_loop().call_soon(give_back)
        in_force = self._app.state.predictor.model.id
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        refusal = Refusal(at, _without(self._directory, why))
        if not (passing and self.refusal is not None and self.refusal.why == refusal.why):
            log.error("a new model is refused, %s goes on: %s", in_force, why)
        self.refusal = refusal
        return Outcome(in_force, False, why)

    def _put_in_force(self, model: Model, policy: Policy) -> Outcome:
        """Nothing here waits, so that no request sees one half of a change."""
        state = self._app.state
        policies: Policies = state.policy
        old, old_explainer = state.predictor, state.explainer
        if model.classifier.id == old.model.id:
            policies.change(policy, ())
            state.model = replace(model, classifier=old.model)  # and not a second one beside it
            asyncio.get_running_loop().call_soon(give_back)
            return Outcome(old.model.id, False)
        install(self._app, self._settings, self._cache, model, self._span, instead=True)
        state.sampler.watch_instead(state.predictor)
        policies.change(policy, (old.model.id, old_explainer.model.id))
        policies.back((state.predictor.model.id, state.explainer.model.id))
        log.info("model %s takes the place of %s", model.classifier.id, old.model.id)
        self._spawn(partial(_let_go, old_explainer, old))
        return Outcome(model.classifier.id, True)

    async def _follow(self, directory: Path) -> None:
        while True:
            await asyncio.sleep(self._settings.model_follow)
            seen = look(directory)
            if seen != self._seen:
                await self.check()

    def _spawn(self, work: Callable[[], Any]) -> None:
        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _without(directory: Path | None, why: str) -> str:
    """A reason that names files by their names: where they lie is nobody's business who only may read."""
    if directory is None:
        return why
    return why.replace(f"{directory}{os.sep}", "").replace(str(directory), directory.name)


def look(directory: Path) -> Seen:
    """What tells a change of a model directory without reading it: inode, size and time of its files."""
    found: list[tuple[int, int, int] | None] = []
    for name in (CARD, WEIGHTS, ENCODER, TOKENIZER):
        try:
            file = (directory / name).stat()
        except OSError:
            found.append(None)
        else:
            found.append((file.st_ino, file.st_size, file.st_mtime_ns))
    return tuple(found)


async def _let_go(explainer: Predictor[Any, Any], predictor: Predictor[Any, Any]) -> None:
    """Finish what an old model has begun; its memory is free once nobody waits for it."""
    await explainer.close()
    await predictor.close()
    del explainer, predictor
    asyncio.get_running_loop().call_soon(settle_garbage)
