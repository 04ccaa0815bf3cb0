"""What the embedded PostgreSQL stands on: its binaries, its user, its directories.

Everything here is about processes and files on this host; nothing speaks SQL.
"""
