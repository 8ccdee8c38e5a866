"""Tools that keep generated files and declared data in step with the code."""
