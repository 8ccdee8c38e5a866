"""What a person or another system wrote becomes values, with every problem at once. Fills nothing in."""
