"""What a person said, as signed versions, and who must hear of a change. What it permits is asked in `rules`."""
