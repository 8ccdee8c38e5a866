"""One module for each generated file; each has `page()`, which returns the text."""
