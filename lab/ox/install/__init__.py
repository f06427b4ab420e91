"""Laying down the server on a host: tools, init scripts, settings."""
