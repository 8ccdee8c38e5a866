"""What every service of a node does alike: follow the directory, read topics once, watch itself, end in order."""
