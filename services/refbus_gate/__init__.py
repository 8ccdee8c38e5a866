"""The gate of one country: decides what leaves and what enters. It can open routing boxes, never a content box."""
