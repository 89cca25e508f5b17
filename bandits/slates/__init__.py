"""From scores to slates: policy file, objectives, pools, diversity, propensities."""
