"""The audit's report as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["name_group", "render"]

_SHOWN = 5


def render(report: Mapping[str, Any]) -> str:
    """The report as text.

    Parameters
    ----------
    report : mapping
        From `audit`.

    Returns
    -------
    str
    """
    broken = [check for check in report["checks"] if not check["passed"]]
    kept = len(report["checks"]) - len(broken)
    of = report["dataset"]
    lines = [f"{of['name']} {of['fingerprint'][:12]}: {kept} rules kept, {len(broken)} broken"]
    lines += [f"  broken: {check['name']}: {check['detail']}" for check in broken]
    lines += [f"labels not computed again: {words}" for words in report["not_recomputed"]]
    lines += _render_leakage(report["leakage"])
    lines += ["", *_render_tasks(report["tasks"]), "", *_render_folds(report["folds"])]
    return "\n".join(lines)


def _render_leakage(leakage: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("protein", "dna"):
        own = leakage[f"identical_{kind}"]
        line = f"identical {kind} sequences in both folds: {len(own['groups']):,}"
        if own["groups"]:
            largest = [max(own[f"{split}_examples"].values()) for split in ("eval", "train")]
            line += (
                f", {own['eval_records']:,} eval records; up to {largest[0]:.1%} of a task's eval examples "
                f"and {largest[1]:.1%} of its train examples"
            )
        yield line
        if own["across_species"]:
            yield f"  {own['across_species']:,} of them in different species"
        for group in own["groups"][:_SHOWN]:
            yield f"  {name_group(group)}"
    near = leakage["near_identical"]
    yield (
        f"near-identical proteins across the folds: {len(near['pairs']):,} pairs of at least 0.9 identity "
        f"({near['aligned']:,} with common 5-mers aligned)"
    )
    for pair in sorted(near["pairs"], key=lambda pair: -pair["identity"])[:_SHOWN]:
        yield f"  {pair['train']} (train) and {pair['eval']} (eval): {pair['identity']:.4f}"
    if "families" in leakage:
        families = leakage["families"]
        yield f"Pfam families: {families['families']:,}, in both folds {families['both']:,}"


def name_group(group: Sequence[Mapping[str, Any]]) -> str:
    """Genes of the same sequence with their folds, and their species where these are several.

    Examples
    --------
    >>> one = {"gene": "CALM1", "accession": "P0DP23", "fold": "train", "species": 9606}
    >>> name_group([one, one | {"gene": "Calm1", "accession": "P0DP26", "fold": "eval", "species": 10090}])
    'CALM1 P0DP23 (train, 9606), Calm1 P0DP26 (eval, 10090)'
    """
    several = len({one["species"] for one in group}) > 1
    return ", ".join(
        f"{one['gene']} {one['accession']} ({one['fold']}" + (f", {one['species']})" if several else ")")
        for one in group
    )


def _render_tasks(tasks: Mapping[str, Any]) -> Iterator[str]:
    if not tasks:
        yield "shortcuts: not measured while a rule is broken"
        return
    yield "shortcuts: occurrences of a record among positives and among negatives of train (median/p90/max);"
    yield "  accuracy [degree] from labels of other train pairs, [terms] from the number of GO terms, train"
    yield "  to eval; AUROC on eval of lengths of proteins (aa) and genes (bp), summed and by closeness"
    yield (
        f"{'task':<12}{'positives':>13}{'negatives':>13}{'KS':>6}{'degree':>8}{'terms':>7}"
        f"{'sum aa':>8}{'sum bp':>8}{'close aa':>10}{'close bp':>10}"
    )
    for task, row in tasks.items():
        line = f"{task:<12}"
        if "degree" in row:
            balance = row["degree"]["train"]
            for name in ("positives", "negatives"):
                line += f"{'{median:.0f}/{p90:.0f}/{max}'.format(**balance[name]):>13}"
            line += f"{balance['ks']:>6.2f}{row['held_out_degree_accuracy']:>8.3f}"
        else:
            line += " " * 40
        line += f"{row['annotation_count_accuracy']:>7.3f}"
        aurocs = row["length_auroc"]
        line += f"{aurocs['protein']['sum']:>8.3f}{aurocs['dna']['sum']:>8.3f}"
        if "closeness" in aurocs["protein"]:
            line += f"{aurocs['protein']['closeness']:>10.3f}{aurocs['dna']['closeness']:>10.3f}"
        yield line


def _render_folds(folds: Mapping[str, Any]) -> Iterator[str]:
    yield "eval against train records"
    for name, row in folds.items():
        if "ks" in row:
            yield (
                f"  {name:<16}KS {row['ks']:.3f} (p {row['p_value']:.2g}), "
                f"medians {row['train_median']:,.6g} train, {row['eval_median']:,.6g} eval"
            )
        else:
            r = "not defined" if row["r"] is None else f"{row['r']:.3f}"
            yield f"  {name:<16}Pearson r {r} over {row['values']:,} values"
