"""From an event to sealed bytes in a durable row. Nothing here talks to a broker: that is `sync`."""
