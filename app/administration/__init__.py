"""What an administrator may ask and decide, for ``usmctl`` and for the pages alike: values in, values out.

Nothing here prints, knows HTML or reads arguments. What is decided lies in the database, so it holds for all nodes.
"""
