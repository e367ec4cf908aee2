"""One predictor and one fast lane for each namespace, over one store, one memory and one thread of the model."""

from collections.abc import Callable, Collection
from typing import Any

from starlette.requests import HTTPConnection

from fyke.model.explanation import Explanation
from fyke.predictor import Predictor
from fyke.service.access import identity

Base = Predictor[str, Any]


class Tenants:
    """The predictors of namespaces beside the service's own, made when they are first asked for.

    ``base`` gives the service's predictor; when it is another, as after a change of the model, all are made anew.
    The namespaces are those of the keys, whose number is bounded.
    """

    def __init__(self, base: Callable[[], Base]):
        self._base = base
        self._of: Base | None = None
        self._siblings: dict[str, Base] = {}

    def predictor(self, namespace: str) -> Base:
        """The predictor whose entries are those of one namespace."""
        base = self._base()
        if base is not self._of:
            self._of, self._siblings = base, {}
        if namespace == base.namespace:
            return base
        found = self._siblings.get(namespace)
        if found is None:
            found = self._siblings[namespace] = base.sibling(namespace)
        return found

    def keep(self, namespaces: Collection[str]) -> None:
        """Let go of the predictors of other namespaces; what is under way in them goes on."""
        self._siblings = {name: one for name, one in self._siblings.items() if name in namespaces}


def predictor_of(connection: HTTPConnection) -> Predictor[str, float]:
    """The predictor for whoever asks: that of the key's namespace; without keys, the service's own."""
    found: Predictor[str, float] = _of(connection, connection.app.state.predictor, "tenants")
    return found


def explainer_of(connection: HTTPConnection) -> Predictor[str, Explanation]:
    """The same for explanations."""
    found: Predictor[str, Explanation] = _of(connection, connection.app.state.explainer, "explainer_tenants")
    return found


def _of(connection: HTTPConnection, own: Base, tenants: str) -> Any:
    key = identity(connection)
    return own if key is None else getattr(connection.app.state, tenants).predictor(key.namespace)
