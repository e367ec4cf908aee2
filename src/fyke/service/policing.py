"""The policy in force, and those of models that were in force a moment ago."""

from collections import OrderedDict
from collections.abc import Iterable

from fyke.model.policies import Policy

_KEPT = 8  # ids whose last answers may still be under way


class Policies:
    """An answer is read by the policy of the model that gave it, also where another has taken over meanwhile."""

    def __init__(self, now: Policy):
        self.now = now
        self._earlier: OrderedDict[str, Policy] = OrderedDict()

    def of(self, key: str) -> Policy:
        """The policy for an answer, by its key, which names its model."""
        if not self._earlier:
            return self.now
        return self._earlier.get(key.rsplit(":", 2)[1], self.now)

    def change(self, now: Policy, leaving: Iterable[str]) -> None:
        """From now on another; answers of the models that leave, by their ids, keep theirs."""
        if now == self.now:
            return
        for model_id in leaving:
            self._earlier[model_id] = self.now
            self._earlier.move_to_end(model_id)
        while len(self._earlier) > _KEPT:
            self._earlier.popitem(last=False)
        self.now = now

    def back(self, model_ids: Iterable[str]) -> None:
        """Models that are in force (again): their answers are read by the policy in force."""
        for model_id in model_ids:
            self._earlier.pop(model_id, None)
