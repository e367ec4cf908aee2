"""The protocol as a library: give it a way to fit, and get every part's figures.

    from bench.quality import corpora, protocol
    mail = corpora.load(Path("../shared/data"))
    figures = protocol.run(mail, fit)                          # fit(texts, labels) -> object with predict_many(texts)
    figures = protocol.run(mail, fit, only=["temporal"])

Labels are the published ones. Each split is fitted once for a run and shared by the parts that need it.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import Any

from bench.quality import parts, splits
from bench.quality.corpora import MAY_TRAIN, Mail
from bench.quality.fitted import Fitted
from bench.quality.fitting import Fit, Scorer
from bench.quality.leaks import meter
from bench.quality.metrics import BALANCED
from bench.quality.robustness import robustness


def robust(fitted: Fitted) -> dict[str, Any]:
    """Part 6 at the thresholds of the two policies."""
    thresholds = {"balanced": BALANCED, f"max-fpr={parts.POLICY:g}": fitted.threshold(parts.POLICY)}
    return robustness(fitted, parts.ENGLISH, thresholds)


class Models:
    """The fits of one run, each made when it is first asked for, and once where two splits train alike.

    With a ``share`` less than one, only that share of the clusters of each split's training rows is fitted on.
    """

    def __init__(
        self,
        mail: Mail,
        fit: Fit,
        corpora: tuple[str, ...] = MAY_TRAIN,
        masked: bool = True,
        log: Callable[[str], None] = print,
        share: float = 1.0,
    ):
        self.mail, self._corpora = mail, corpora

        scorers: dict[tuple[bytes, bool], Scorer] = {}

        @cache
        def fitted(name: str) -> Fitted:
            split = self._split(name)
            some = splits.some_clusters(mail, split.fit, share)
            split = replace(split, fit=some, masked=split.masked and masked)
            same = (split.fit.tobytes(), split.masked)
            if same not in scorers:
                log(f"fitting for: {name} ({len(split.fit):,} texts)")
                scorers[same] = fit(mail.texts(split.fit, masked=split.masked), mail.labels(split.fit))
            return Fitted(mail, split, scorers[same])

        self._fitted = fitted

    def published(self) -> Fitted:
        """Fitted on the whole training side of the published split."""
        return self._fitted("published")

    def in_domain(self) -> Fitted:
        """Fitted on the same with validation rows held back."""
        return self._fitted("in domain")

    def temporal(self) -> Fitted:
        """Fitted on mail before 2020."""
        return self._fitted("temporal")

    def permitted(self) -> Fitted:
        """Fitted on all mail that may train, but for half of the political mail."""
        return self._fitted("permitted")

    def left_out(self, name: str) -> Fitted:
        """Fitted on all permitted mail but that of `splits.LEFT_OUT` ``name``."""
        return self._fitted(name)

    def _split(self, name: str) -> splits.Split:
        simple = {"published": splits.published, "in domain": splits.in_domain}
        if name in simple:
            return simple[name](self.mail)
        if name in splits.LEFT_OUT:
            return splits.left_out(self.mail, name, self._corpora)
        return {"temporal": splits.temporal, "permitted": splits.permitted}[name](self.mail, self._corpora)


PARTS: dict[str, Callable[[Models], dict[str, Any]]] = {
    "published": lambda models: parts.published(models.published()),
    "left out": lambda models: parts.left_out({name: models.left_out(name) for name in splits.LEFT_OUT}),
    "temporal": lambda models: parts.temporal(models.temporal()),
    "permitted": lambda models: parts.temporal(models.permitted()),
    "honest": lambda models: parts.honest(models.permitted()),
    "robustness": lambda models: robust(models.permitted()),
    "calibration": lambda models: parts.calibration(
        models.in_domain(), {name: models.left_out(name) for name in splits.LEFT_OUT}
    ),
    "leaks": lambda models: meter(models.mail),
}


def run(
    mail: Mail,
    fit: Fit,
    *,
    only: Iterable[str] = (),
    corpora: tuple[str, ...] = MAY_TRAIN,
    masked: bool = True,
    log: Callable[[str], None] = lambda said: None,
) -> dict[str, Any]:
    """Figures of every part, or of those named; ``corpora`` are those that may train, ``masked`` off masks nothing."""
    models = Models(mail, fit, corpora, masked, log)
    chosen = list(only) or list(PARTS)
    return {name: PARTS[name](models) for name in chosen}
