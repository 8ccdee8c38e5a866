"""What an operator asks of a gate, one order a module."""
