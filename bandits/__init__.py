"""Bandit mathematics: pure functions over counts, NumPy only."""
