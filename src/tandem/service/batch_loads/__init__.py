"""Batch loads: files at a location become records, by jobs that survive their process."""
