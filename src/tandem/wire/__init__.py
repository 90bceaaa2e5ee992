"""AWS protocols over the services: bytes of a request in, bytes of an answer out.

Nothing here knows a socket or a web framework, and nothing left of here knows a wire.
"""
