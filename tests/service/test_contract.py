"""The OpenAPI document is true: what it allows is answered, what it does not is refused, and nothing is an error."""

from pathlib import Path

from fyke.service.access import rule_for
from tests.contract import ask
from tests.service.keyed import Keys, keyed_app


def test_a_few_hundred_cases_have_no_failure() -> None:
    """All of Schemathesis' checks on every route; `make contract` asks 20,000."""
    status, tried, said = ask(210, seed=1)
    assert status == 0, said
    assert tried >= 200


def test_the_document_says_who_may(tmp_path: Path) -> None:
    """Every route but those for probes names both ways to show a key, the scope, and what is refused."""
    keys = Keys(tmp_path / "keys.json")
    keys.add("all")
    document = keyed_app(keys)[0].openapi()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "header"}
    for path, methods in document["paths"].items():
        rule = rule_for(path)
        for operation in methods.values():
            assert ("security" in operation) == (rule is not None)
            if rule is not None:
                assert {"401", "403", "429", "503"} <= set(operation["responses"])
                assert f"`{rule.scope}`" in operation["description"]
