"""The databases: servers, the configdb, the groupware schemas."""
