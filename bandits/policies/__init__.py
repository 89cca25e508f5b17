"""Policies: one score per item from counts; the registry is `policies.registry`."""
