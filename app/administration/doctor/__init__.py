"""``usmctl doctor``: ``asking`` has all questions; ``case`` is whom they are about."""
