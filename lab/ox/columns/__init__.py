"""The numbered columns of each module, as tables."""
