"""PostgreSQL migrations for async Python services."""
