"""Worlds and learners for benchmarks and tests; nothing in production imports it."""
