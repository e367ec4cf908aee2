"""Settings reach the reader of messages."""

from dataclasses import fields

import pytest

from fyke.errors import SettingsError
from fyke.mail.limits import Limits
from fyke.service.reading import limits_from, trusted_from
from fyke.settings import load


def test_the_defaults_are_those_of_the_reader() -> None:
    """A setting for each limit, and nobody trusted."""
    assert limits_from(load()) == Limits()
    assert trusted_from(load()) == frozenset()


def test_every_limit_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment, and names of servers as a list, in small letters."""
    for number, field in enumerate(fields(Limits), 7):
        monkeypatch.setenv(f"FYKE_MAIL_{field.name.upper()}", str(number))
    monkeypatch.setenv("FYKE_MAIL_TRUSTED", "mx.Example.org, other.example.com,")
    settings = load()
    assert [getattr(limits_from(settings), field.name) for field in fields(Limits)] == list(
        range(7, 7 + len(fields(Limits)))
    )
    assert trusted_from(settings) == {"mx.example.org", "other.example.com"}


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_a_limit_that_lets_nothing_through_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The setting is named."""
    monkeypatch.setenv(f"FYKE_MAIL_{name.upper()}", "0")
    with pytest.raises(SettingsError, match=f"FYKE_MAIL_{name.upper()}"):
        load()
