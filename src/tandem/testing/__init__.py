"""Contract suites for the seams: subclass one, give it a fixture, and your backend is held to it.

The suites need pytest, the state machines Hypothesis; neither is a dependency of Tandem itself.
"""
