"""The offline store: the whole history of each feature group, as files that others can read."""
