"""Settings in, a running core out: the one place that names backends and starts threads."""
