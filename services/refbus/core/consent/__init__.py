"""What a person said, and whether it permits something. Pure values and functions."""
