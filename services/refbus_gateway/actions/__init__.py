"""What a person or a system may ask of this organisation: one function each, with no words, no click and no HTTP.

Each takes a `Desk` and the `Actor` who asks, checks the permission first, opens the transaction, calls the domain,
tries to send where something was queued, and returns a frozen value. Transactions of requests are opened nowhere
else. The JSON of a value is made in `shape` alone. Turns that nobody asks for are in `sync`.

What works before there is an opened home takes what it needs in place of the desk: `keys.begin` and `home.restore` the
folder of the home and the actor. A desk opens its gateway when it is first needed, so `home.show`, `keys.answer`,
`delivery.topics` and what an inspector asks leave it closed. What needs public data alone (`audit.check_proof`,
`audit.check_log`) takes neither desk nor actor, and only gives `refbus.verify` a value that has a shape.
"""
