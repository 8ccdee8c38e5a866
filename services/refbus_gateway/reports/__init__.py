"""Values that people read: where everything stands, accounts, disclosures."""
