"""Bytes in, bytes out: keys, entries, and the stores that keep them. Nothing here knows a model."""
