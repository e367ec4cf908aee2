"""Fyke: a phishing classifier over HTTP that never computes the same verdict twice."""

__version__ = "0.1.0"
