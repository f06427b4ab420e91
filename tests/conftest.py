"""What tests of more than one part use."""

pytest_plugins = ["lab.testing"]
