"""Bulk: a table in, the table with predictions out. Streamed, resumable, through the predictor and its cache."""
