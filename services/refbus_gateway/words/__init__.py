"""From values to words in a person's language, for terminal, page and paper alike. Knows no store."""
