"""The people of this organisation: who they are, what they may do, how they show it. Nothing about survivors."""
