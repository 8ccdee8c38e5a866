"""`make bench`: what the system costs, each number beside the limit that physics or its parts set."""
