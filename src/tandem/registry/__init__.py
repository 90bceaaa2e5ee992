"""The registry: feature group definitions, and the manifests of their history."""
