"""The quality protocol: how well a recipe tells phishing from honest mail, measured so that it can be believed.

``python -m bench.quality --data DIR`` is the command; `bench.quality.protocol` is the same as a library. What is
measured, and how, is told in docs/quality.md.
"""
