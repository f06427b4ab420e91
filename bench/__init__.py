"""Benchmarks: each module is a command that prints a table and writes its figures as JSON to ``bench/results``."""
