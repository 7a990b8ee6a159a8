"""The commands of `weir`, as a table of contents. What they do is imported when they are called."""

import typer

from . import commands_apply, commands_look, commands_run, commands_topics
from .options import EXIT_CODES

app = typer.Typer(
    name="weir",
    help="Telemetry pipelines from YAML, run by Flink, carried safely through every change.\n\n"
    "Write resources into a folder, run `weir up FOLDER`, and edit them: each change is judged before it is made, "
    "and takes the pipeline's state along.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # noqa: PLC0415 - reads files

        typer.echo(f"weir {version('weir')}")
        raise typer.Exit


@app.callback()
def weir(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Run before every command; its help is the app's."""
    del version


commands_run.register(app)
commands_apply.register(app)
commands_look.register(app)
commands_topics.register(app)
