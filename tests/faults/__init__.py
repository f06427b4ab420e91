"""Faults in the middle of a deployment: each step in turn fails, is killed, loses its host, database or disk."""
