"""The folder of one organisation: its keys, its lock, its backup, and the gateway at work in it."""
