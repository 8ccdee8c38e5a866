"""Referral, return home and emergency: their tables, their state, their deadlines. Pure values and functions."""
