"""Case files: what a person or another system writes to refer somebody, and how a payload is shown to people again."""
