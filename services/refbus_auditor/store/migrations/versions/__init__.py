"""Migrations of the auditor's store, run when it is opened."""
