"""`mlkit lineage`: which models use a column, a source, or belong to an owner; and what one model hangs on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airflow_mlkit.cli.console import on_one_line, out, print_line
from airflow_mlkit.cli.options import EnvironmentOption, JsonOption, PlatformOption, ProjectOption
from airflow_mlkit.exceptions import RegistryError, UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.tree import Tree

    from airflow_mlkit.registry.column_use import ColumnUse
    from airflow_mlkit.registry.lineage import ModelNode, RegistryLineage

SERVERS = "no server is recorded: none reports to the registry yet"

ColumnOption = Annotated[str | None, typer.Option("--column", help="Models that use this column.")]
SourceOption = Annotated[
    str | None, typer.Option("--source", help="Models that learn from this source: a part of its path, or a glob.")
]
OwnerOption = Annotated[str | None, typer.Option("--owner", help="Models of this owner.")]
ModelOption = Annotated[str | None, typer.Option("--model", help="Where this model comes from, and what it scored.")]
VersionOption = Annotated[str | None, typer.Option("--version", help="Of the model; its champion when not given.")]
AllOption = Annotated[bool, typer.Option("--all-versions", help="Not the champions only.")]
RegistryOption = Annotated[
    str | None, typer.Option("--registry", help="MLflow's address; that of the project when not given.")
]
HtmlOption = Annotated[Path | None, typer.Option("--html", help="Write a page with a drawing to this file.")]


def register(app: typer.Typer) -> None:
    """Add `mlkit lineage`."""
    app.command("lineage")(show_lineage)


def show_lineage(
    column: ColumnOption = None,
    source: SourceOption = None,
    owner: OwnerOption = None,
    model: ModelOption = None,
    version: VersionOption = None,
    all_versions: AllOption = False,
    registry: RegistryOption = None,
    html: HtmlOption = None,
    project: ProjectOption = Path(),
    environment: EnvironmentOption = None,
    platform: PlatformOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which models use what, across all projects of a registry.

    Without an option: every champion with its source. Ends with 0, also when nothing uses it, and with 1 when a
    champion log could not be read, so that the answer may lack models.
    """
    from airflow_mlkit.project import load_project
    from airflow_mlkit.registry.lineage import read_registry

    if version and not model:
        raise UserError("--version needs --model.", hint="Say which model's version it is.")
    if model and (column or source or owner):
        raise UserError("--model goes with --version only.", hint="Leave --column, --source and --owner out.")
    uri = registry or load_project(project, environment=environment, platform=platform).mlflow
    found = read_registry(uri, only=model, all_versions=all_versions or version is not None)
    if model:
        _show_model(_find_model(found, model, version), html, as_json=as_json)
    else:
        _show_many(found, column, source, owner, html, as_json=as_json)
    if not as_json:
        _print_findings(found)
    raise typer.Exit(RegistryError.exit_code if found.findings else 0)


def _find_model(found: RegistryLineage, name: str, version: str | None) -> ModelNode:
    from airflow_mlkit.spec.nearest import did_you_mean

    own = [node for node in found.models if node.model_name == name]
    if not own:
        unpromoted = " has no champion yet" if name in found.unpromoted else None
        raise UserError(
            f"{name}{unpromoted}." if unpromoted else f"No model is called {name!r}{did_you_mean(name, found.names)}",
            hint=_findings_in_short(found) or "mlkit lineage lists the models of the registry.",
        )
    if version:
        numbers = [node.model_version for node in own]
        own = [node for node in own if node.model_version == version]
        if not own:
            raise UserError(
                f"{name} has no version {version!r}; known are {', '.join(sorted(numbers, key=int)[-12:])}."
            )
    return next((node for node in own if node.standing == "champion"), own[0])


def _findings_in_short(found: RegistryLineage) -> str | None:
    return " ".join(finding.what for finding in found.findings) or None


def _show_model(node: ModelNode, html: Path | None, *, as_json: bool) -> None:
    from airflow_mlkit.cli.lineage_tree import model_tree
    from airflow_mlkit.registry.lineage_graph import model_graph
    from airflow_mlkit.registry.model_trace import trace_model

    trace = trace_model(node)
    if html:
        _write_page(html, model_graph(trace))
    if as_json:
        out.print_json(json.dumps({**trace.model_dump(mode="json"), "servers": None}))
    else:
        _print_tree(model_tree(trace, SERVERS))


def _show_many(
    found: RegistryLineage,
    column: str | None,
    source: str | None,
    owner: str | None,
    html: Path | None,
    *,
    as_json: bool,
) -> None:
    from airflow_mlkit.cli.lineage_tree import overview_tree, uses_tree
    from airflow_mlkit.registry.column_use import find_uses
    from airflow_mlkit.registry.lineage import is_owned_by, is_source
    from airflow_mlkit.registry.lineage_graph import registry_graph

    kept = found.select(
        lambda node: (source is None or is_source(node, source)) and (owner is None or is_owned_by(node, owner))
    )
    uses = None if column is None else find_uses(kept.models, column)
    models = kept.models if uses is None else [use.model for use in uses]
    if html:
        _write_page(html, registry_graph(models, column, uses))
    if as_json:
        out.print_json(json.dumps(_to_json(found, models, uses)))
        return
    if not models:
        print_line(_nothing(found, kept, column, source, owner))
    elif uses is not None and column is not None:
        _print_tree(uses_tree(column, uses))
    else:
        _print_tree(overview_tree(models))


def _print_tree(tree: Tree) -> None:
    """A long name goes on in the next line; printed softly wrapped, as everything else is, a tree would cut it off."""
    out.print(tree, soft_wrap=False)


def _to_json(found: RegistryLineage, models: Sequence[ModelNode], uses: list[ColumnUse] | None) -> dict[str, object]:
    whole = found.model_copy(update={"models": tuple(models)}).model_dump(mode="json")
    if uses is None:
        return whole
    said = [{"roles": use.roles, "sentence": use.sentence} for use in uses]
    return {**whole, "models": [{**node, **more} for node, more in zip(whole["models"], said, strict=True)]}


def _nothing(
    found: RegistryLineage, kept: RegistryLineage, column: str | None, source: str | None, owner: str | None
) -> str:
    """Why the answer is empty, with the nearest that there is."""
    from airflow_mlkit.registry.lineage import is_source
    from airflow_mlkit.spec.nearest import did_you_mean

    if column is not None and kept.models:
        known = {name for node in kept.models for name in node.columns}
        return f"No model uses a column {column!r}{_nearest(column, known)}"
    if source is not None and not any(is_source(node, source) for node in found.models):
        return f"No model learns from a source {source!r}{did_you_mean(source, {node.source for node in found.models})}"
    owners = {node.facts.owner for node in found.models if node.facts.owner}
    if owner is not None and owner.casefold() not in {each.casefold() for each in owners}:
        return f"No model belongs to {owner!r}{did_you_mean(owner, owners)}"
    return "No model is all of this at once." if found.models else "There is no champion in this registry yet."


def _nearest(column: str, known: set[str]) -> str:
    from airflow_mlkit.spec.nearest import did_you_mean

    text = did_you_mean(column, sorted(known))
    return text if text.startswith("; did you mean") else "."


def _write_page(path: Path, graph: object) -> None:
    from airflow_mlkit.registry.lineage_page import render_lineage

    try:
        path.write_text(render_lineage(graph), encoding="utf-8")  # type: ignore[arg-type]
    except OSError as error:
        raise UserError(
            f"{path} cannot be written: {error.strerror}.", hint="Name a file in a folder of yours."
        ) from None


def _print_findings(found: RegistryLineage) -> None:
    silent = [node.title for node in found.models if not node.tells_columns]
    if silent:
        print_line(f"{_few(silent)}: registered before versions said which columns they use.", head="! ")
    if found.unpromoted:
        print_line(f"No champion yet: {_few(found.unpromoted)}.", head="! ")
    if found.foreign:
        models = "1 registered model is" if found.foreign == 1 else f"{found.foreign:,} registered models are"
        print_line(f"{models} not the kit's, and nothing is known of their columns.", head="! ")
    for finding in found.findings:
        print_line(finding.what, head="✗ ")
        if finding.hint:
            print_line(finding.hint, head="  ")
    if found.findings:
        print_line("So the answer may lack models.")


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(on_one_line(name) for name in names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
