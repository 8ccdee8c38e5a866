"""From a batch of records to one decision each: open, weigh, decide, and what it causes, in one transaction."""
