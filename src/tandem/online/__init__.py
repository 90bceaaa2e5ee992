"""The online store: the newest record of each key, and the change log, which commit together."""
