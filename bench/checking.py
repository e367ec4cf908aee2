"""Before anything is timed: every server gives the answers that are right, computed or kept."""

import http.client
import json
from collections.abc import Callable, Sequence
from typing import Any

from bench.contestants import LIMIT, NAIVE, OFF, Contestant
from bench.limit import ANSWER
from bench.servers import HOST
from bench.workloads import FIRST_CHECK, WORKLOADS, Texts, Truth, Workload

EXACT = 1e-9
SAMPLE = 64
CONNECTIONS = 4  # for each worker, so that each of them is asked

Oracle = Callable[[Sequence[str]], list[Truth]]


class WrongAnswer(Exception):
    """A server gave an answer that is not the model's."""


class Asker:
    """A connection of its own to a server."""

    def __init__(self, contestant: Contestant):
        self._connection = http.client.HTTPConnection(HOST, contestant.server.port, timeout=60)

    def ask(self, path: str, content: object) -> Any:
        """The answer to a POST of JSON.

        Raises:
            WrongAnswer: the status is not 200.
        """
        self._connection.request("POST", path, json.dumps(content), {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise WrongAnswer(f"{path}: status {response.status}, {body[:200]!r}")
        return json.loads(body)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def check(contestant: Contestant, texts: Texts, oracle: Oracle) -> int:
    """Ask twice for samples of every workload over several connections; says how many answers were compared.

    The texts that are to be kept are warm afterwards, in every worker.

    Raises:
        WrongAnswer: a label differs, or a probability by more than 1e-9.
    """
    askers = [Asker(contestant) for _ in range(CONNECTIONS * contestant.workers)]
    try:
        if contestant.name == LIMIT:
            if askers[0].ask("/predict", {"text": "any"}) != json.loads(ANSWER):
                raise WrongAnswer("limit does not answer its constant")
            return 1
        return sum(_check(contestant, askers, one, texts, oracle) for one in WORKLOADS.values())
    finally:
        for asker in askers:
            asker.close()


def _check(contestant: Contestant, askers: list[Asker], workload: Workload, texts: Texts, oracle: Oracle) -> int:
    if workload.texts > 1 and contestant.name == NAIVE:
        return 0
    some = texts.examples(workload, FIRST_CHECK, 8 if workload.directory == "long" else SAMPLE)
    right = oracle(some)
    times = 1 if contestant.name == OFF else 2
    compared = 0
    for asker in askers:
        for _ in range(times):
            if workload.texts > 1:
                answers = asker.ask(workload.path, {"texts": some})["predictions"]
            else:
                answers = [asker.ask(workload.path, {"text": text}) for text in some]
            for answer, (label, probability) in zip(answers, right, strict=True):
                if answer["prediction"] != label or abs(answer["probability"] - probability) > EXACT:
                    said = f"{contestant.name}, {workload.name}: {answer} instead of {label} {probability}"
                    raise WrongAnswer(said)
            compared += len(some)
    return compared
