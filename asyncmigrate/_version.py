"""The version, where reading it imports nothing (`importlib.metadata` costs 61 ms)."""

__version__ = "0.1.0"
