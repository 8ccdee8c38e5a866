"""The bus as the services use it: one port, a Kafka client behind it, and an in-memory one for tests."""
