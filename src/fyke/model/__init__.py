"""Corpus, recipes, training, evaluation, and the classifier that answers from plain arrays."""
