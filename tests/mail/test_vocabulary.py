"""docs/mail.md has the vocabularies as they are."""

import re
from dataclasses import asdict

from fyke.mail.limits import Limits
from fyke.mail.signs import NAMES
from tests.conftest import ROOT

DOCS = (ROOT / "docs" / "mail.md").read_text()


def table(heading: str) -> dict[str, str]:
    """First and second column of the table below a heading."""
    section = DOCS.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", section, re.MULTILINE))


def test_signs() -> None:
    """All, in their order."""
    assert tuple(table("Signs")) == NAMES


def test_repairs() -> None:
    """All that the code names, sorted."""
    sources = "".join(path.read_text() for path in (ROOT / "src" / "fyke" / "mail").glob("*.py"))
    named = set(re.findall(r'repair\("([a-z0-9-]+)"\)', sources))
    assert list(table("Repairs")) == sorted(named)


def test_limits() -> None:
    """Names and defaults."""
    shown = {name: float(value.replace(",", "")) for name, value in table("Limits").items()}
    assert shown == asdict(Limits())
