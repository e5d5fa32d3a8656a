"""The command `hybrid`: wires the groups of commands together."""

from __future__ import annotations

import typer

from hybrid.cli import cdk, demo, estate_file, hosts, image, review, sites, sources, tests

app = typer.Typer(
    name="hybrid",
    help="Managed Airflow in AWS, ETL containers beside the data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(demo.app, name="demo")
app.add_typer(sites.app, name="sites")
app.add_typer(hosts.app, name="hosts")
app.add_typer(sources.app, name="sources")
app.add_typer(review.app, name="review")
app.add_typer(image.app, name="image")
app.command("test")(tests.run_tests)
app.command("validate")(estate_file.validate)
app.command("schema")(estate_file.schema)
app.command("cdk", context_settings=cdk.CONTEXT)(cdk.cdk)


def main() -> None:
    """Entry point."""
    app(prog_name="bin/hybrid")
