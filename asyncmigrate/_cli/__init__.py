"""The command: arguments in, one call of the library, results and exit status out."""
