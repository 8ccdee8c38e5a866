"""What a gate decides about one event, and the order of its rules. Pure values and functions."""
