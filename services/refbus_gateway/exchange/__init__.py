"""Other systems' files become case files, and the other way round: by tables that are data, with all that is lost told.

Nothing is guessed, nothing is kept here, and a consent of another system is never one of ours.
"""
