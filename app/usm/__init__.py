"""USM, the universal synchronisation module: what changed between what a device holds and what the source has.

It knows no protocol and no data source; ``ports`` says what it needs of both.
"""
