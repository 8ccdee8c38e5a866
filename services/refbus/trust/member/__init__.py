"""One member in the directory: its target file, its keys and who vouched for them."""
