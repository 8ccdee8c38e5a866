"""What an arrived record means and causes. Topics and offsets are in `sync`."""
