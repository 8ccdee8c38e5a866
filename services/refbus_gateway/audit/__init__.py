"""What this organisation decided, as entries and proofs, and what the inspector opens."""
