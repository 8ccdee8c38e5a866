"""The whole of erasing a case, and what the others answered."""
