"""One spelling for what looks alike."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fyke.mail.limits import Limits
from fyke.mail.normalising import normalise, scripts
from fyke.mail.reading import read_message, read_text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("ＦＲＥＥ ① ﬁt", "FREE 1 fit"),
        ("pay\u200bpal\u00ad \u202eabc\ufeff", "paypal abc"),
        ("p\u0430ypal \u0405ecure", "paypal Secure"),
        ("e\u200b\u0301", "é"),
        ("a\x00b\x1b\ud800", "ab\ufffd"),
        ("one\u00a0two", "one two"),
    ],
)
def test_disguises_are_taken_off(text: str, plain: str) -> None:
    """Full width, invisible characters, letters of another script inside a word."""
    assert normalise(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "Привет, это обычный текст с ё и щ",
        "Καλημέρα κόσμε, όλα καλά",
        "می\u200cخواهم",
        "क्\u200dष",
        "日本語のテキスト",
        "Größe naïve smørrebrød ŁÓDŹ",
        "5 Ω, 3 μm, Δx",
        "שלום عربي",
    ],
)
def test_honest_text_survives(text: str) -> None:
    """Real Cyrillic, Greek, Persian, Hindi, Japanese and accented Latin come back as they are."""
    assert normalise(text) == text


def test_a_word_of_two_scripts_goes_to_the_one_that_has_all_its_letters() -> None:
    """Latin first; else Cyrillic or Greek where most letters are; else it is left alone."""
    assert normalise("yου ΡαyΡαl") == "you PayPal"
    assert normalise("iμ") == "iμ"
    assert normalise("с\u043aидкa") == "скидка"
    assert scripts(normalise("с\u043aидкa")) == {"Cyrillic"}
    assert normalise("xЯw") == "xЯw"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("pay\u200bpal", {"zero-width"}),
        ("Donau\u00addampf", set()),
        ("words \u200b apart", set()),
        ("ＦＲＥＥ", {"full-width"}),
        ("p\u0430ypal", {"homoglyphs"}),
        ("ordinary — text", set()),
    ],
)
def test_a_disguise_is_named(text: str, names: set[str]) -> None:
    """And typography is none."""
    found: set[str] = set()
    normalise(text, found.add)
    assert found == names


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from("\t\n\r")))
def test_printable_ascii_comes_back_as_it_is(text: str) -> None:
    """So texts that came as text keep their predictions."""
    assert normalise(text) == text


@example("p\u0430\u0301\u0430")
@example("\u1ebf" + "\u0301\u0323" * 40 + "\u0308" * 30)
@example("\u2014" * 30_000)
@example(("a" + "\u0301\u0323" * 16) * 2_000)
@given(
    st.text(
        st.characters() | st.sampled_from("\u200b\u200c\u200d\u0301\u00ad\u1100\u1161\uffa0p\u0430a\ud800\ufdfa\u0345")
    )
)
def test_the_same_again_changes_nothing(text: str) -> None:
    """A text that was read once is not changed by a second reading."""
    once = normalise(text)
    assert normalise(once) == once
    once.encode("utf-8")


@pytest.mark.parametrize("limit", range(1, 40))
def test_a_cut_within_a_word_changes_nothing_on_a_second_reading(limit: int) -> None:
    """What is left of a word of two scripts is spelt as a second reading would spell it."""
    raw = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nПриcalendar Καλημέρaen Приca".encode()
    text = read_message(raw, Limits(text_chars=limit)).text
    assert len(text) <= limit
    assert read_text(text) == text
