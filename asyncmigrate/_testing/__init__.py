"""Databases for tests: what the pytest plugin stands on, and knows nothing of pytest.

A template is migrated once for each content of the migrations; each test gets a clone
of it, made in the background while an earlier test runs. One process has one thread,
one event loop and one connection for that.
"""
