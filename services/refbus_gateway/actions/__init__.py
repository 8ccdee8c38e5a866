"""What a person or a system may ask of this organisation: one function each, with no words, no click and no HTTP.

Each takes a `Desk` and the `Actor` who asks, checks the permission first, opens the transaction, calls the domain,
tries to send where something was queued, and returns a frozen value. Transactions of requests are opened nowhere
else. The JSON of a value is made in `shape` alone. Turns that nobody asks for are in `sync`.
"""
