"""Migrations of the gateway's store, run when it is opened."""
