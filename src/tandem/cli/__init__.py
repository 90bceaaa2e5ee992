"""The command line."""

from tandem.cli.main import main

__all__ = ["main"]
