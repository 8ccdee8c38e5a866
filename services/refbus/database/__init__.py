"""What every store of ours needs of a database: one engine, versions, what must stay erased."""
