"""Hypothesis without a deadline: tests never assert a time, and a busy machine is no
counterexample.
"""

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
