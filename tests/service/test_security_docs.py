"""docs/security.md names tests that are there."""

import re

from tests.conftest import ROOT


def test_every_test_that_is_named_exists() -> None:
    """Files and functions."""
    said = (ROOT / "docs" / "security.md").read_text()
    there = {path.name: path.read_text() for path in ROOT.glob("tests/**/test_*.py")}
    named = set(re.findall(r"`(?:tests/\S*/)?(test_\w+(?:\.py)?)`", said))
    assert len(named) >= 20
    for name in named:
        assert name in there or any(f"def {name}(" in code for code in there.values()), name
    for path in re.findall(r"`(tests/\S+)`", said):
        assert (ROOT / path).exists(), path
