"""The engine of the online store, compared inside the server.

The stores here are no part of the product.
"""
