"""Reading the directory: verify what came, keep what is verified, say what stands."""
