"""The admin daemon and the tools that talk to it."""
