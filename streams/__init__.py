"""Streaming: Kafka in, durable counts, slates out."""

__version__ = "0.1.0"
