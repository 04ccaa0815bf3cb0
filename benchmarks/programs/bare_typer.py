"""A bare typer program."""

import typer

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Apply what is pending."""


@app.command()
def rollback() -> None:
    """Undo the newest."""


app()
