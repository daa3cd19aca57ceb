"""`summary`, `show` and `compare`: a finished screen's results as tables in the terminal."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import pandas as pd
from rich.console import Console

from ..config.checks import readouts_of
from ..config.sections import Config
from ..errors import InputError
from ..view.beside import print_beside, print_of_element
from ..view.comparison import agreement, joined
from ..view.findings import answer, findings, groups_of, strongest
from ..view.maps import read_in_all
from ..view.printing import intervals, numbers, placed_columns, print_table, text_of
from ..view.results import (
    KEYS,
    KINDS,
    PARTITIONS_CODE,
    PLACED,
    element_names,
    find_element,
    has_number_names,
    read_annotations,
    read_beside,
    read_config,
    read_element,
    read_summary,
    require_known,
    require_results,
    resolution_in,
    summary_keys,
)
from .shared.options import Commands, add_keys, add_results, choices, chosen, positive

MOST_TABLES = 6

PERCENTILE = "genomic_percentile"


def add_to(commands: Commands) -> None:
    about = "how many elements are significant, and the strongest"
    more = (
        "Of a cluster of like motifs, and of the annotations of a name, the strongest is listed, where its rank is "
        "best; rank is of each strand and start."
    )
    summary = commands.add_parser("summary", help=about, description=f"For each target: {about}. {more}")
    summary.set_defaults(command=_summary)
    add_results(summary)
    add_keys(summary)
    summary.add_argument("--kind", choices=[*KINDS, "arrangement"], help="only elements of this kind")
    summary.add_argument("--significant", action="store_true", help="list significant elements alone")
    _add_top(summary)

    about = "all about one element"
    show = commands.add_parser("show", help=about, description=f"{about.capitalize()}: its names and its effects.")
    show.set_defaults(command=_show)
    add_results(show)
    show.add_argument("element", help="an element_id, or a name, or a part of one that no other element has")

    about = "how the effects on two models, or two targets, agree"
    more = "Numbers are of elements on each strand and start. Each element is listed once, where the two differ most."
    compare = commands.add_parser("compare", help=about, description=f"{about.capitalize()}. {more}")
    compare.set_defaults(command=_compare)
    add_results(compare)
    compare.add_argument("a", help="a model, a group of models, or a target")
    compare.add_argument("b", help="another of the same")
    compare.add_argument("--readout", help="only this readout")
    others = compare.add_mutually_exclusive_group()
    others.add_argument("--model", help="compare targets, on this model or group")
    others.add_argument("--target", help="compare models, on this target")
    _add_top(compare)


def _add_top(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--top", type=positive, default=20, help="how many elements to list (default: 20)")


def _summary(console: Console, arguments: argparse.Namespace) -> None:
    results = require_results(arguments.results)
    config = read_config(results)
    if arguments.significant and config.elements.level is None:
        raise InputError("the screen has no controls, so nothing is significant; leave out --significant")
    keys = chosen(summary_keys(results), arguments)
    columns = [*PLACED, "name", "effect_mean", "effect_ci_low", "effect_ci_high", "rank"]
    columns += ["n_models", "n_models_agree", "control_z", "element_q", "n_stratum", "significant", PERCENTILE]
    kinds = [arguments.kind] if arguments.kind else KINDS
    sites = read_annotations(results)[["name", "element_id"]]
    for key in keys[:MOST_TABLES]:
        rows = read_summary(results, columns, **key, kind=kinds)
        if rows.empty:
            raise InputError(f"the screen has no elements of kind {arguments.kind}; leave out --kind")
        console.print(_headline(config, key, rows, f"{arguments.kind or 'element'}s"), soft_wrap=True)
        neutral = readouts_of(config)[key["readout"]].scale.neutral
        clusters = read_beside(results, "clusters", **key) if "motif" in kinds else pd.DataFrame()
        found = findings(rows, clusters, sites if "annotation" in kinds else sites.head(0), neutral)
        if len(found):
            resolution = None if config.elements.level is None else resolution_in(config, rows)
            console.print(answer(found, neutral, resolution), soft_wrap=True)
        if "motif" in kinds:
            for line in read_in_all(read_beside(results, "maps_summary", **key), neutral):
                console.print(line, soft_wrap=True)
        if arguments.significant:
            rows = rows[rows["significant"].fillna(False)]
        listed = _grouped(strongest(rows, neutral), groups_of(found)).head(arguments.top)
        print_table(console, _summary_columns(config, key["model"], listed))
        title = _title(config, key)
        print_beside(console, results, key, title, neutral, arguments.kind, arguments.top, arguments.significant)
    _tell_of_more(console, keys, KEYS)


def _grouped(rows: pd.DataFrame, groups: dict[str, tuple[int, int]]) -> pd.DataFrame:
    """Of elements in a cluster, or of a name, the first alone, with how many more there are: `alike`."""
    own = [groups.get(element_id, (element_id, 1)) for element_id in rows["element_id"]]
    rows = rows.assign(group=[group for group, _ in own], alike=[n - 1 for _, n in own])
    return rows.drop_duplicates("group")


def _headline(config: Config, key: dict[str, str], rows: pd.DataFrame, what: str) -> str:
    """What a table is of, and how many of its elements (rows: all of their placements) are significant."""
    n, level = rows["element_id"].nunique(), config.elements.level
    if level is None:
        verdict = f"{n:,} {what}; the screen has no controls, so no verdict"
    else:
        found = rows.loc[rows["significant"].fillna(False), "element_id"].nunique()
        verdict = f"{found:,} of {n:,} {what} are significant (element_q < {level:g})"
        if found == 0 and (limits := (resolved := resolution_in(config, rows)).limits()):
            verdict = f"{verdict}; {limits}" if resolved.possible else f"{n:,} {what}; {limits}"
        alone = n - rows.loc[rows["significant"].notna(), "element_id"].nunique()
        verdict += f", {alone:,} without controls" if alone else ""
    scale = readouts_of(config)[key["readout"]].scale
    unit = "" if scale.name == "difference" else f"; effect: {scale.name}, where {scale.neutral:g} is no effect"
    return f"{_title(config, key)}: {verdict}{unit}"


def _title(config: Config, key: dict[str, str]) -> str:
    """Such as "fold_0, counts, +"; a group with its number of models."""
    group = config.groups.get(key.get("model", ""))
    title = ", ".join(key.values())
    return f"{title} (mean of {len(group)} models)" if group else title


def _summary_columns(config: Config, model: str, rows: pd.DataFrame) -> dict[str, Sequence[str]]:
    columns = {"rank": numbers(rows["rank"]), **placed_columns(config, rows)}
    if (rows["alike"] > 0).any():
        columns["more alike"] = [f"{n:,}" if n else "" for n in rows["alike"]]
    columns |= {"effect": numbers(rows["effect_mean"]), "95 % interval": intervals(rows)}
    if config.elements.level is not None:
        columns |= {"z": numbers(rows["control_z"]), "element_q": numbers(rows["element_q"])}
    if rows[PERCENTILE].notna().any():
        columns["percentile"] = numbers(rows[PERCENTILE])
    if model in config.groups:
        agree = zip(rows["n_models_agree"], rows["n_models"], strict=True)
        columns["models agree"] = [f"{n} of {of}" for n, of in agree]
    return columns


def _show(console: Console, arguments: argparse.Namespace) -> None:
    results = require_results(arguments.results)
    config = read_config(results)
    level = config.elements.level
    element_id = find_element(results, arguments.element)
    element = read_element(results, element_id).iloc[0]
    names = element_names(results)
    names = names[names["element_id"] == element_id]
    lines = {name: element[name] for name in ("element_id", "kind", "sequence", "source")}
    if element["kind"] not in KINDS:
        lines["name"] = element["name"]
    if element["kind"] == "control":
        lines["control of"] = element["control_of"]
    lines |= {f"{kind}s": ", ".join(of["name"].unique()) for kind, of in names.groupby("kind", sort=False)}
    for label, value in lines.items():
        console.print(f"{label:<13}{value}", soft_wrap=True)

    columns = [*KEYS, *PLACED, "n_backgrounds", "before_mean", "after_mean", "effect_mean", "effect_ci_low"]
    columns += ["effect_ci_high", "control_mean", "control_std", "control_z", "element_q", "significant", PERCENTILE]
    rows = read_summary(results, columns, element_id=element_id)
    controls = zip(numbers(rows["control_mean"]), numbers(rows["control_std"]), strict=True)
    shown = {
        **{name: rows[name].astype("str") for name in [*KEYS, "strand", "start", "n_backgrounds"]},
        "before": numbers(rows["before_mean"]),
        "after": numbers(rows["after_mean"]),
        "effect": numbers(rows["effect_mean"]),
        "95 % interval": intervals(rows),
        "controls": [f"{mean} ± {std}" if std else mean for mean, std in controls],
        "z": numbers(rows["control_z"]),
        "element_q": numbers(rows["element_q"]),
        "significant": rows["significant"].map({True: "yes", False: "no"}).fillna(""),
    }
    if rows[PERCENTILE].notna().any():
        shown["percentile"] = numbers(rows[PERCENTILE])
    if level is None:
        shown = {name: shown[name] for name in shown if name not in ("controls", "z", "element_q", "significant")}
    print_table(console, shown)
    print_of_element(console, results, element_id)
    partitions = f", partitioning={PARTITIONS_CODE}" if has_number_names(config) else ""
    tables = [(results.table("summary"), "")]
    if config.keep_effects == "all":
        console.print("The same rows in pandas, and those of each background (of models, not of groups):")
        tables.append((results.dataset("effects"), partitions))
    else:
        console.print("The same rows in pandas; effects of each background were not kept (keep_effects: summary):")
    for table, more in tables:
        code = f'pd.read_parquet({str(table)!r}, filters=[("element_id", "==", "{element_id}")]{more})'
        console.print(code, soft_wrap=True)


def _compare(console: Console, arguments: argparse.Namespace) -> None:
    results = require_results(arguments.results)
    config = read_config(results)
    a, b = arguments.a, arguments.b
    keys = pd.DataFrame(chosen(summary_keys(results), arguments))
    by = _compared(keys, arguments)
    others = [key for key in KEYS if key != by]
    of_a, of_b = (keys.loc[keys[by] == name, others] for name in (a, b))
    pairs = of_a.merge(of_b).to_dict("records")
    if not pairs:
        raise InputError(f"{a!r} and {b!r} are targets of different readouts; compare targets of one readout")
    with_controls = config.elements.level is not None
    agreements, differences = [], []
    for other in pairs[:MOST_TABLES]:
        rows = joined(results, {**other, by: a}, {**other, by: b})
        agreements.append({**other, **agreement(rows, a, b, with_controls)})
        order = rows["difference"].abs().sort_values(ascending=False, kind="stable").index
        differences.append(rows.loc[order].drop_duplicates("element_id").head(arguments.top))
    agreements = pd.DataFrame(agreements)
    console.print(f"Effects of all elements on the {by}s {a} and {b}:", soft_wrap=True)
    print_table(console, {name: agreements[name].map(text_of) for name in agreements})
    sides = ((f"on {a}", "a"), (f"on {b}", "b"), ("difference", "difference"))
    for other, rows in zip(pairs, differences, strict=False):
        console.print(f"{_title(config, other)}: where {a} and {b} differ most", soft_wrap=True)
        effects = {name: numbers(rows[column]) for name, column in sides}
        print_table(console, {**placed_columns(config, rows), **effects})
    _tell_of_more(console, pairs, others)


def _compared(keys: pd.DataFrame, arguments: argparse.Namespace) -> str:
    """Whether the two names are of models or of targets: "model" or "target"."""
    a, b = arguments.a, arguments.b
    if a == b:
        raise InputError(f"{a!r} is compared with itself; give another model or target")
    possible = [by for by in ("model", "target") if getattr(arguments, by) is None]
    fitting = [by for by in possible if {a, b} <= set(keys[by])]
    if len(fitting) == 2:
        raise InputError(
            f"{a!r} and {b!r} are models and also targets; "
            "add --model to compare the targets, or --target to compare the models"
        )
    if fitting:
        return fitting[0]
    for name in (a, b):
        require_known(name, [known for by in possible for known in keys[by].unique()], " or ".join(possible))
    raise InputError(f"{a!r} and {b!r} are a model and a target; compare two models or two targets")


def _tell_of_more(console: Console, keys: list[dict[str, str]], options: list[str]) -> None:
    """Say how many tables were left out, and which options choose among them."""
    left_out = len(keys) - MOST_TABLES
    if left_out > 0:
        console.print(f"{left_out} more; choose with {choices(keys, options)}")
