"""What the operator of a national node runs: topics, lag, refused and quarantined records, replay, the directory.

Nothing here can read a case: no module opens a routing or content box, and of refused records only codes are shown.
"""
