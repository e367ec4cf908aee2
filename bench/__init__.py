"""Measurements against real servers: a table for people, then one line of JSON."""
