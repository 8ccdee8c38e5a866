"""Topics, offsets and the conversation with the broker. What a record means is in `inbox`."""
