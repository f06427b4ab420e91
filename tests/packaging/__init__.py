"""The package: what is in it, and what installing and purging it does."""
