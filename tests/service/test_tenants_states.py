"""Keys, namespaces and purges in any order: who is let in, and from where the answer comes, is as the rules say."""

import asyncio
import tempfile
from pathlib import Path

import httpx
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fyke.predictor import Predictor
from tests.predictor.test_tiers import memory
from tests.service.keyed import Keys, keyed_app, look_now

NAMES = st.sampled_from(["k1", "k2", "k3", "k4"])
NAMESPACES = st.sampled_from(["default", "ann", "bob"])
SCOPES = st.sets(st.sampled_from(["predict", "read", "admin"]), min_size=1)
TEXTS = st.sampled_from(["a prize", "a fee", "the minutes"])


class Letters:
    """A model that sees all of a text."""

    id = "letters"
    quick = True

    def canonical(self, item: str) -> bytes:
        return item.encode()

    def predict_many(self, items: list[str]) -> list[float]:
        return [len(item) / 100 for item in items]


class Tenancy(RuleBasedStateMachine):
    """A service over memory; beside it, what ought to be."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.keys = Keys(Path(self.directory.name) / "keys.json")
        self.keys.write()
        self.shown: list[tuple[str, str]] = []  # name and text of every key that there ever was
        self.in_force: dict[str, tuple[frozenset[str], str]] = {}  # by text
        self.kept: dict[str, set[str]] = {}
        self.runner = asyncio.Runner()
        self.app, _ = keyed_app(self.keys)
        self.runner.run(self.start())

    async def start(self) -> None:
        """The service, over a model that tells every text from every other."""
        self.lifespan = self.app.router.lifespan_context(self.app)
        await self.lifespan.__aenter__()
        self.first, self.app.state.predictor = self.app.state.predictor, Predictor(Letters(), memory=memory(), verify=0)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://it")

    def teardown(self) -> None:
        async def stop() -> None:
            await self.client.aclose()
            await self.app.state.predictor.close()
            self.app.state.predictor = self.first
            await self.lifespan.__aexit__(None, None, None)

        self.runner.run(stop())
        self.runner.close()
        self.directory.cleanup()

    @rule(name=NAMES, scopes=SCOPES, namespace=NAMESPACES)
    def add(self, name: str, scopes: set[str], namespace: str) -> None:
        """A key, in the place of one of that name."""
        self.keys.add(name, *scopes, namespace=namespace)
        self.shown.append((name, self.keys.tokens[name]))

    @precondition(lambda self: self.keys.kept)
    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        """One of the keys in the file."""
        self.keys.revoke(data.draw(st.sampled_from(sorted(self.keys.kept))))

    @rule()
    def spoil(self) -> None:
        """The file is garbage from now on, until it is written again."""
        self.keys.path.write_text("garbage")

    @rule()
    def a_second_passes(self) -> None:
        """The service looks at the file."""
        look_now(self.app)
        assert self.app.lane.access is not None
        self.app.lane.access.keys.refresh()
        if self.keys.path.read_text() != "garbage":
            self.in_force = {
                self.keys.tokens[name]: (key.scopes, key.namespace) for name, key in self.keys.kept.items()
            }

    @precondition(lambda self: self.shown)
    @rule(data=st.data(), text=TEXTS, plain=st.booleans())
    def ask(self, data: st.DataObject, text: str, plain: bool) -> None:
        """With any key that there ever was, in either lane."""
        _, token = data.draw(st.sampled_from(self.shown))
        headers = {"authorization": f"Bearer {token}"} | ({} if plain else {"x-more": "1"})
        answer = self.runner.run(self.client.post("/predict", json={"text": text}, headers=headers))
        scopes, namespace = self.in_force.get(token, (frozenset(), ""))
        if not scopes:
            assert answer.status_code == 401
        elif "predict" not in scopes:
            assert answer.status_code == 403
        else:
            assert answer.status_code == 200
            kept = self.kept.setdefault(namespace, set())
            assert answer.headers["cache-status"].endswith("memory" if text in kept else "model")
            kept.add(text)

    @rule(namespace=NAMESPACES)
    def purge(self, namespace: str) -> None:
        """One namespace: so many entries as it has, and no other's."""
        predictor = self.app.state.tenants.predictor(namespace)
        assert self.runner.run(predictor.purge()) == len(self.kept.pop(namespace, ()))

    @rule()
    def purge_everything(self) -> None:
        """All of them."""
        gone = self.runner.run(self.app.state.predictor.purge(everything=True))
        assert gone == sum(map(len, self.kept.values()))
        self.kept.clear()

    @invariant()
    def nothing_else_is_kept(self) -> None:
        """What is in memory is what was asked, no more."""
        assert len(self.app.state.predictor.tiers.memory) == sum(map(len, self.kept.values()))


Tenancy.TestCase.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestTenancy = Tenancy.TestCase
