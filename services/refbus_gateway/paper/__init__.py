"""Values as pages to print: accounts and disclosures, as HTML that loads nothing, as lines, as JSON. Opens nothing."""
