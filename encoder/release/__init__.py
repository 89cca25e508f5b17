"""From a corpus to a live release: refresh, compare, publish, roll back."""
