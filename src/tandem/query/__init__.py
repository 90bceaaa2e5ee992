"""The query engine: SQL over history, and the point-in-time join."""
