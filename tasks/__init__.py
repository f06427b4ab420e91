"""The deployment: one module a concern of the installation guide. ``deploy.py`` puts them in order."""
