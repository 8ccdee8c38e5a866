"""Values that people read: where everything stands, accounts, disclosures, and the pages made from them."""
