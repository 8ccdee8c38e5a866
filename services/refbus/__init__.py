"""Referral Bus: the library that gateways, gates, auditors and operators' tools share."""
