"""The deployment: offline as far as that goes, and on the lab's hosts."""
