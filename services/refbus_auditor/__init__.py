"""The auditor of a country: the log of its audit entries, and a witness of the logs of the others."""
