"""The batch side: train, compress, judge and publish item embeddings."""
