"""The HTTP server: bytes from a socket become requests of `tandem.wire`, answers become bytes."""
