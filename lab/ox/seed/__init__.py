"""The data to begin with, made from fixed seeds: the same names, texts and shapes every time; only dates follow
the day of the making.

What was made can be computed again without the server: :func:`expected`.
"""

from lab.ox.seed.expectation import Expected, ExpectedMail, expected
from lab.ox.seed.people import PASSWORD, Person, people

__all__ = ["PASSWORD", "Expected", "ExpectedMail", "Person", "expected", "people"]
