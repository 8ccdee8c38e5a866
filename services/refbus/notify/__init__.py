"""Telling an organisation to look into its inbox: by mail or webhook, without a word about what is in it."""
