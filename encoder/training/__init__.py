"""Training: losses, updates, checkpoints, closed-form distillation."""
