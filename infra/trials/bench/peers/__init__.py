"""What others made, doing the same work beside ours. Programs of the interpreter in `.venv/peers` (`make peers`)."""
