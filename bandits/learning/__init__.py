"""What counts say: delay, position, pooling, priors, change detection."""
