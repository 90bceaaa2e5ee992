"""Frozen values of the domain: no clock, no I/O, no Arrow, no JSON."""
