"""Athena: statements performed over groups, files and views, and their executions."""
