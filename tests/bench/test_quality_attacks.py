"""Attacks are bounded, seeded, and invisible to people where they claim to be."""

import random
import unicodedata

import pytest

from bench.quality.attacks import ATTACKS, PADDED, good_words, homoglyphs, padding, typos, zero_width
from bench.quality.attacks_html import HTML_ATTACKS, plain
from bench.quality.robustness import attacked

TEXT = "Verify your account\n" + "Please confirm the password of your account within two days, or we suspend it. " * 8
HONEST = ["Minutes of the meeting: we agreed on the budget.", "The build passes again, thanks for the patch."]


def seeded() -> random.Random:
    return random.Random(1)


@pytest.mark.parametrize("name", [*ATTACKS, *HTML_ATTACKS])
def test_the_same_seed_gives_the_same_attack(name: str) -> None:
    """And one text's attack does not depend on the texts before it."""
    attack = (ATTACKS | HTML_ATTACKS)[name]
    first, second = attacked([TEXT, TEXT], attack, HONEST)
    assert [first, second] == attacked([TEXT, TEXT], attack, HONEST)
    assert attacked(["another", TEXT], attack, HONEST)[1] == second


def test_homoglyphs_keep_the_length_and_change_a_bounded_part() -> None:
    """At most a quarter of the characters, each by a Cyrillic letter."""
    after = homoglyphs(TEXT, seeded(), HONEST)
    changed = [(one, other) for one, other in zip(TEXT, after, strict=True) if one != other]
    assert 0 < len(changed) < len(TEXT) / 4
    assert all(unicodedata.name(other).startswith("CYRILLIC") for _, other in changed)


def test_characters_without_width_are_all_that_is_added() -> None:
    """Without them the text is what it was."""
    after = zero_width(TEXT, seeded(), HONEST)
    added = [one for one in after if unicodedata.category(one) == "Cf"]
    assert "".join(one for one in after if unicodedata.category(one) != "Cf") == TEXT
    assert 0 < len(added) <= len(TEXT.split())


def test_typos_change_few_words_by_one_slip() -> None:
    """As many words, at most a fifth of them other ones, none longer or shorter by more than a letter."""
    before, after = TEXT.split(), typos(TEXT, seeded(), HONEST).split()
    changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    assert 0 < len(changed) < len(before) / 5
    assert all(abs(len(one) - len(other)) <= 1 for one, other in changed)


def test_good_words_follow_the_text() -> None:
    """As long as the text, within bounds."""
    assert good_words(TEXT, seeded(), HONEST).startswith(TEXT)
    assert len(padding(10, seeded(), HONEST)) == PADDED[0]
    assert len(padding(10**6, seeded(), HONEST)) == PADDED[1]


def test_plain_html_is_read_as_the_text() -> None:
    """The same words, subject first."""
    assert plain(TEXT, seeded(), HONEST).split() == TEXT.split()


def test_html_attacks_survive_any_text() -> None:
    """Marks, markup, no subject, no body, line ends in subjects."""
    for text in ("", "\n", "<b>&amp;</b>\n<!-- x -->", "a\rb\nc", "Zürich ☃\n\u200bäöü"):
        for attack in (plain, *HTML_ATTACKS.values()):
            assert isinstance(attack(text, seeded(), HONEST), str)
