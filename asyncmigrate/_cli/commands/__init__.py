"""One module a command, each with a `COMMAND`; imported only when it is asked for."""
