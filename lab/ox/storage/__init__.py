"""Reading and writing the data of one context: users, folders, objects, mail."""
