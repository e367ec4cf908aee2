"""Recipes: named ways to build an unfitted model."""

from collections.abc import Callable
from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from fyke.errors import SettingsError
from fyke.model.cascade_recipe import CascadeRecipe
from fyke.model.deep_recipe import DeepRecipe
from fyke.model.hashed_recipe import HashedRecipe


def baseline() -> Pipeline:
    """The published tutorial's model: English stop words out, TF-IDF, logistic regression by liblinear."""
    return Pipeline(
        [
            ("features", TfidfVectorizer(stop_words="english")),
            ("classifier", LogisticRegression(solver="liblinear")),
        ]
    )


def default() -> HashedRecipe:
    """Our fast model: hashed runs of bytes, words and pairs of words, calibrated."""
    return HashedRecipe()


def deep() -> DeepRecipe:
    """A head on the small sentence transformer that comes with Fyke, calibrated; needs the extra ``deep``."""
    return DeepRecipe()


def cascade() -> CascadeRecipe:
    """``default`` where it is sure, and ``deep`` with it where not; needs the extra ``deep``."""
    return CascadeRecipe()


RECIPES: dict[str, Callable[[], Any]] = {"baseline": baseline, "default": default, "deep": deep, "cascade": cascade}


def build(recipe: str) -> Any:
    """The unfitted pipeline of that name; it has ``fit(texts, labels)``.

    Raises:
        SettingsError: there is no such recipe.
    """
    if recipe not in RECIPES:
        raise SettingsError(f"There is no recipe {recipe!r}; there is {', '.join(RECIPES)}. Choose with --recipe.")
    return RECIPES[recipe]()
