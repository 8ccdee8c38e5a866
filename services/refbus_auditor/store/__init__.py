"""The store of an auditor: what is in which log, what was signed, what was witnessed. Nothing in it is secret."""
