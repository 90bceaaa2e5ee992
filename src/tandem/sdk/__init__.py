"""The Python library: the same objects over a store in this process or a server elsewhere."""
