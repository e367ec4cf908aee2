"""Handwritten digits behind a prediction cache: PNG in, digit out."""
