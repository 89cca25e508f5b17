"""What a serving process needs of an encoder: neither torch nor transformers."""
