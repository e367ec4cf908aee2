"""Drift: how far new mail is from the mail that a model was measured on."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from fyke.errors import DataError
from fyke.model.card import Profile, Spread

STABLE, CHANGED = 0.1, 0.25
FEW = "too few texts"
_NAMES = {"scores": "score", "unknown_words": "unknown words", "characters": "characters"}


@dataclass(frozen=True)
class Drift:
    """How far one quantity moved: its medians, the index, what that reaches by chance, and the bin that moved most.

    ``low`` and ``high`` bound that bin, None at an open end; ``share_before`` and ``share_now`` are of texts in it.
    """

    quantity: str
    before: float
    now: float
    psi: float
    by_chance: float
    reading: str
    low: float | None
    high: float | None
    share_before: float
    share_now: float

    def fields(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return asdict(self)


def drifts(before: Profile, now: Profile) -> Iterator[Drift]:
    """What moved between two profiles under one model, quantity by quantity.

    Raises:
        DataError: the profiles have other bins, as those of another version of Fyke may.
    """
    for field, quantity in _NAMES.items():
        old, new = getattr(before, field), getattr(now, field)
        if old is None or new is None:
            continue
        if old.edges != new.edges:
            raise DataError(
                "The card's profile was taken by another version of Fyke, over other bins; train the model anew, or "
                "name mail to compare with by --against."
            )
        yield _drift(quantity, old, new)


def _drift(quantity: str, old: Spread, new: Spread) -> Drift:
    terms = stability_terms(old, new)
    most = int(terms.argmax())
    psi, chance = float(terms.sum()), by_chance(old, new)
    edges = [None, *new.edges, None]
    return Drift(
        quantity=quantity,
        before=old.median,
        now=new.median,
        psi=psi,
        by_chance=chance,
        reading=reading(psi, chance),
        low=edges[most],
        high=edges[most + 1],
        share_before=old.counts[most] / sum(old.counts),
        share_now=new.counts[most] / sum(new.counts),
    )


def stability_terms(old: Spread, new: Spread) -> NDArray[np.float64]:
    """What each bin adds to the population stability index: ``(q - p) ln(q / p)`` for shares p before and q now.

    Each bin in use has half a text more than were counted, so that an empty one does not make it infinite.
    """
    used = np.add(old.counts, new.counts) > 0
    p, q = ((counted := np.array(one.counts)[used] + 0.5) / counted.sum() for one in (old, new))
    terms = np.zeros(len(used))
    terms[used] = (q - p) * np.log(q / p)
    return terms


def by_chance(old: Spread, new: Spread) -> float:
    """What the index stays under in 95 of 100 draws where nothing moved.

    With B bins in use and n and m texts it is distributed like (1/n + 1/m) times chi-squared with B - 1 degrees of
    freedom: B. Yurdakul, Statistical Properties of Population Stability Index, Western Michigan University, 2018.
    """
    used = int(np.count_nonzero(np.add(old.counts, new.counts)))
    return float((1 / sum(old.counts) + 1 / sum(new.counts)) * chi2.ppf(0.95, max(used - 1, 1)))


def reading(psi: float, chance: float) -> str:
    """The usual reading: below 0.1 stable, up to 0.25 moved, above it changed.

    The limits are those of N. Siddiqi, Credit Risk Scorecards, Wiley, 2006. Where chance alone reaches as far, there
    are too few texts to tell.
    """
    if psi < STABLE:
        return "stable"
    if psi <= chance:
        return FEW
    return "moved" if psi <= CHANGED else "changed"
