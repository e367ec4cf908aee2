"""Recipes: named ways to build an unfitted model."""

from typing import Any

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from fyke.errors import SettingsError


def baseline() -> Pipeline:
    """The published tutorial's model: English stop words out, TF-IDF, logistic regression by liblinear."""
    return Pipeline(
        [
            ("features", TfidfVectorizer(stop_words="english")),
            ("classifier", LogisticRegression(solver="liblinear")),
        ]
    )


RECIPES = {"baseline": baseline}


def build(recipe: str) -> Any:
    """The unfitted pipeline of that name.

    Raises:
        SettingsError: there is no such recipe.
    """
    if recipe not in RECIPES:
        raise SettingsError(f"There is no recipe {recipe!r}; there is {', '.join(RECIPES)}. Choose with --recipe.")
    return RECIPES[recipe]()
