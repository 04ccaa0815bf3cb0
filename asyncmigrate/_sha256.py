"""SHA-256, straight from OpenSSL where Python has it: hashlib brings all the others.

To be imported where something is hashed, and when: it takes 3 ms to load.
"""

try:
    from _hashlib import openssl_sha256 as sha256
except ImportError:  # a Python without OpenSSL
    from hashlib import sha256

__all__ = ["sha256"]
