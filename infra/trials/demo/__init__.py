"""The demonstration: a stack of real processes, and the story of a referral told on it. Fictional data only."""
