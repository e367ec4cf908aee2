"""A model fitted on a split, with what its validation rows say: thresholds and calibration, and scores of tests."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from bench.quality.calibration import platt
from bench.quality.corpora import Mail, Rows
from bench.quality.fitting import Floats, Scorer, scores_of, thresholds
from bench.quality.metrics import threshold_at
from bench.quality.splits import Split


@dataclass
class Fitted:
    """A scorer and the split it was fitted on."""

    mail: Mail
    split: Split
    scorer: Scorer
    _scores: dict[str, Floats] = field(default_factory=dict)

    def scores(self, test: str) -> Floats:
        """Scores of the rows of a test, computed once."""
        if test not in self._scores:
            self._scores[test] = self.score(self.split.tests[test])
        return self._scores[test]

    def score(self, rows: Rows) -> Floats:
        """Scores of rows."""
        return scores_of(self.scorer, self.texts(rows))

    def texts(self, rows: Rows) -> list[str]:
        """Texts of rows, masked where the split's are."""
        return self.mail.texts(rows, masked=self.split.masked)

    @cached_property
    def validated(self) -> Floats:
        """Scores of the validation rows."""
        return self.score(self.split.validation)

    def threshold(self, rate: float) -> float:
        """The threshold for a share of false positives: the recipe's own for that policy, fitted on what it held back;
        where it has none, from the honest validation rows, of which a cluster counts once."""
        own = thresholds(self.scorer)
        if f"max-fpr={rate:g}" in own:
            return own[f"max-fpr={rate:g}"]
        honest = self.mail.label[self.split.validation] == 0
        clusters = self.mail.cluster[self.split.validation[honest]]
        _, places, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
        return threshold_at(self.validated[honest], rate, 1 / sizes[places])

    def calibrated(self, scores: Floats) -> Floats:
        """Scores under Platt's scaling, fitted on the validation rows."""
        return platt(self.mail.label[self.split.validation], self.validated)(scores)

    def joined(self, *tests: str) -> tuple[Rows, Floats]:
        """Rows and scores of several tests, those that are at hand."""
        known = [test for test in tests if test in self.split.tests]
        rows = [self.split.tests[test] for test in known]
        scores = [self.scores(test) for test in known]
        return np.concatenate([*rows, np.empty(0, np.int64)]), np.concatenate([*scores, np.empty(0)])
