"""Terms are found as a dictionary finds them."""

from hypothesis import given
from hypothesis import strategies as st

from fyke.model.vocabulary import Vocabulary

WORDS = st.text("abcé", min_size=1, max_size=3)


@given(st.lists(WORDS, unique=True), st.lists(WORDS))
def test_it_finds_what_a_dictionary_finds(terms: list[str], tokens: list[str]) -> None:
    """Every token that is a term, as often as it occurs, in the order of the terms; nothing else."""
    known = {term: index for index, term in enumerate(terms)}
    assert Vocabulary(terms).find(tokens).tolist() == sorted(known[token] for token in tokens if token in known)


def test_terms_that_share_a_slot_are_found() -> None:
    """With twenty thousand terms some have a slot in common; all are found, and no other word is."""
    terms = [f"term{number}" for number in range(20_000)]
    vocabulary = Vocabulary(terms)
    assert len(vocabulary._shared) > 1000
    assert vocabulary.find(terms).tolist() == list(range(20_000))
    assert vocabulary.find([f"other{number}" for number in range(20_000)]).tolist() == []


@given(st.lists(WORDS, unique=True), st.lists(st.lists(WORDS)))
def test_many_texts_are_found_as_one_is(terms: list[str], texts: list[list[str]]) -> None:
    """The indices of several texts are those of each, one text after the other."""
    vocabulary = Vocabulary(terms)
    found, ends = vocabulary.find_many(texts)
    each = [vocabulary.find(tokens).tolist() for tokens in texts]
    assert found.tolist() == [index for one in each for index in one]
    assert ends.tolist() == [sum(map(len, each[: number + 1])) for number in range(len(each))]
