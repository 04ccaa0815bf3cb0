"""The readers: each shows results, errors and events to somebody in its own way.

None of them knows the engine or the database, and none ever shows a secret: what
reaches a stream went through a `Redactor`, and through `escape` where a server or a
file had a say in it.
"""
