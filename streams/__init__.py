"""Streaming: Kafka in, durable counts, slates out."""
