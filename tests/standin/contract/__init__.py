"""What every OX server of a generation does; see the package above."""
