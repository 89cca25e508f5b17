"""What encoders learn from: item texts, feedback, the teacher and its cache."""
