"""The organisation's own cases: kept, changed, copied, passed on, and the day on which received content must go."""
