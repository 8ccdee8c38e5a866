"""The auditor of a country, which will keep the log of its audit entries. The import contracts bind it already."""
