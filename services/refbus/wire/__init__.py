"""Bytes of everything that travels: Avro records, canonical in both directions, and payloads named by fingerprint."""
