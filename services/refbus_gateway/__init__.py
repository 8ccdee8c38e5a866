"""The gateway of one organisation: keys, consents, referrals, inbox and durable outbox, and the command `refbus`."""
