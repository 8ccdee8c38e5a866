"""Publishing the directory: the ceremony, its folder, its keys."""
