"""The documents: what they tell people to type is typed."""
