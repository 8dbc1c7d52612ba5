"""The audit's report as one self-contained page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from string import Template
from typing import Any

from genoprot_datasets.audit.charts import histogram, length_boxes, plane, share_scatter
from genoprot_datasets.audit.text import name_group
from genoprot_datasets.tasks import TASKS

__all__ = ["PAPER_FOLDS", "render_page"]

PAPER_FOLDS = {"train": 8_448, "eval": 4_000}
"""Records of each fold in the paper."""

_TELLING = 0.7
"""AUROC from which a shortcut is worth a sentence."""


def render_page(report: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    """HTML with style and figures inside, readable in light and dark.

    Parameters
    ----------
    report : mapping
        From `assessment.audit`.
    manifest : mapping
        Of the same folder.

    Returns
    -------
    str
    """
    checks = report["checks"]
    broken = [check for check in checks if not check["passed"]]
    verdict = (
        f"{len(checks):,} rules kept" if not broken else f"{len(broken):,} of {len(checks):,} rules broken"
    )
    faults = [f"<li class=fault><b>{escape(c['name'])}</b>: {escape(c['detail'])}</li>" for c in broken]
    sizes = report["fold_sizes"]
    template = resources.files("genoprot_datasets.audit").joinpath("page.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        name=escape(report["dataset"]["name"]),
        subtitle=f"{sum(sizes.values()):,} records, {sizes['train']:,} train and {sizes['eval']:,} eval "
        f"(the paper: {PAPER_FOLDS['train']:,} and {PAPER_FOLDS['eval']:,}); fingerprint "
        f"<code>{report['dataset']['fingerprint'][:16]}</code>",
        verdict=f'<span class="verdict {"bad" if broken else "good"}">{verdict}</span>',
        broken=f"<ul>{''.join(faults)}</ul>" if faults else "",
        findings="<ul>" + "".join(f"<li>{words}</li>" for words in _findings(report, manifest)) + "</ul>",
        sizes=_sizes(report["tasks"], manifest),
        sequences=_sequences(report["sequences"]),
        projection=_projection(report["projection"]),
        dot="2.2" if sum(sizes.values()) > 4_000 else "4",
        shares="".join(_share(name, own) for name, own in report["attributes"].items()),
        folds=_folds(report["folds"]),
        leakage=_leakage(report["leakage"], list(report["tasks"])),
        groups=_groups(report["leakage"]),
        shortcuts=_shortcuts(report["tasks"]),
        options=_options(manifest),
        rules_summary=f"all {len(checks):,}",
        rules=_table(
            ("rule", "", "counted"),
            [(c["name"], "kept" if c["passed"] else "BROKEN", c["detail"]) for c in checks],
            words=(1, 2),
        ),
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = ()) -> str:
    """Cells are escaped, but for those that are mark-up already (they begin with ``<td``)."""

    def cell(column: int, text: str) -> str:
        if text.startswith("<td"):
            return text
        return f"<td{' class=words' if column in words else ''}>{escape(text)}</td>"

    head = "".join(
        f"<th{' class=words' if column in words else ''}>{escape(name)}</th>"
        for column, name in enumerate(header)
    )
    body = "".join("<tr>" + "".join(cell(k, text) for k, text in enumerate(row)) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _findings(report: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[str]:
    leakage = report["leakage"]
    same = leakage["identical_protein"]
    if same["groups"]:
        yield _identical(same, manifest)
    else:
        yield "No protein sequence is in both folds."
    near = leakage["near_identical"]
    yield (
        f"{len(near['pairs']):,} pairs of different proteins across the folds have an identity of 0.9 or "
        f"more; {near['eval_records']:,} eval records are concerned."
    )
    if "families" in leakage:
        families = leakage["families"]
        if families["eval_records"] is not None:
            yield (
                f"Folds share families by design: {families['eval_records']:.0%} of the eval records with a "
                "Pfam family have one that is in the train fold too. The baseline <code>homology</code> and "
                "the identity-matched variants show what that is worth."
            )
    rows = report["tasks"].items()
    told = {name: row["attribute_degree"]["eval"]["auroc"] for name, row in rows if "attribute_degree" in row}
    if strong := sorted((-value, name) for name, value in told.items() if value >= _TELLING):
        named = ", ".join(f"<code>{name}</code> {-value:.2f}" for value, name in strong)
        yield f"How many attributes the two proteins have tells the classes apart (AUROC): {named}."
    for name, row in rows:
        if row.get("identity_auroc", 0.0) >= _TELLING:
            words = f"Identity alone tells the classes of <code>{name}</code> apart with AUROC "
            words += f"{row['identity_auroc']:.2f}"
            if "matched_identity_auroc" in row:
                words += f", those of <code>{name}_matched</code> with {row['matched_identity_auroc']:.2f}"
            yield words + "."
    for words in report["not_recomputed"]:
        yield f"Labels that could not be computed again: {escape(words)}."
    for name, reason in manifest["left_out"].items():
        yield f"<code>{escape(name)}</code> is left out: {escape(reason)}."
    for name, own in manifest["tasks"].items():
        if reason := own.get("matched", {}).get("left_out"):
            yield f"<code>{escape(name)}_matched</code> is left out: {escape(reason)}."
    if not report["green"]:
        yield "Shortcuts and families are not measured while a rule is broken."


def _identical(same: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    shares = [max(same[f"{split}_examples"].values()) for split in ("eval", "train")]
    words = (
        f"{len(same['groups']):,} proteins have genes in both folds, such as "
        f"{escape(name_group(same['groups'][0]))}. {same['eval_records']:,} eval records are concerned, "
        f"up to {shares[0]:.1%} of a task's eval examples and up to {shares[1]:.1%} of its train examples. "
    )
    if "parts" not in manifest:
        return (
            words + "Algorithm 1 separates genes of the same protein; "
            "<code>genoprot build --group-identical</code> keeps them together."
        )
    words += f"{same['across_species']:,} of these proteins are of different species. "
    if manifest["options"].get("drop_identical"):
        return words + "Train examples with a protein of the eval fold were left out."
    return words + "<code>genoprot merge --drop-identical</code> leaves their train examples out."


def _sizes(tasks: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    rows = []
    for name, task in TASKS.items():
        row = [task.title]
        for fold, asked in (("train", task.train_per_class), ("eval", task.eval_per_class)):
            own = tasks.get(name, {}).get(fold)
            short = own is not None and own["per_class"] < asked
            shown = f"{own['per_class']:,}" if own else "–"
            row += [f"{asked:,}", f"<td class=own{' style=color:var(--eval)' if short else ''}>{shown}</td>"]
            row += [f"{own[k]:,}" if own else "" for k in ("positives_available", "negatives_available")]
        matched = manifest["tasks"].get(name, {}).get("matched", {})
        row += [f"{matched[fold]['per_class']:,}" if fold in matched else "" for fold in ("train", "eval")]
        rows.append(row)
    header = ["task"]
    for fold in ("train", "eval"):
        header += [f"{fold}, paper", f"{fold}, here", "positives there are", "negatives there are"]
    return _table([*header, "matched train", "matched eval"], rows)


def _figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"


def _sequences(found: Mapping[str, Any]) -> str:
    outliers = f"{found['dna_length']['outliers']:,} DNA and {found['protein_length']['outliers']:,} protein"
    boxes = length_boxes(found, "Distributions of lengths")
    fractions = histogram(
        found["coding_fraction"]["counts"], "coding fraction of the DNA", "Coding fractions"
    )
    return _figure(
        boxes,
        f"A. Lengths of {found['records']:,} genes and proteins without outliers beyond 1.5 interquartile "
        f"ranges ({outliers}), on the paper's common scale.",
    ) + _figure(fractions, f"B. Coding share of the DNA; median {found['coding_fraction']['median']:.3f}.")


def _projection(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "<p>Not projected; <code>genoprot audit --projection</code> chooses a method.</p>"
    r = "not defined" if found["density_r"] is None else f"{found['density_r']:.3f}"
    named = ("train", "eval")
    panels = [
        _figure(
            plane(found["points"], found["fold"], k, f"{name} records in the plane"),
            f"{found['fold'].count(k):,} {name} records (coloured) over the others.",
        )
        for k, name in enumerate(named)
    ]
    note = (
        ""
        if found["method"] == "UMAP"
        else " The paper uses UMAP, which needs <code>geno-prot[audit]</code>."
    )
    if not found["of"].startswith("vectors of"):
        note += " The paper projects ProtT5 vectors: <code>--vectors per-protein.h5</code> does."
    grid = f"a grid of {found['cells']} by {found['cells']}"
    method = found["method"][0].upper() + found["method"][1:]
    words = f"{escape(method)} of {escape(found['of'])}. Over {grid} the shares of both folds "
    words += f"have r = {r}.{note}"
    return f"<p>{words}</p>" + "".join(panels)


def _share(name: str, found: Mapping[str, Any]) -> str:
    if not found["values"]:
        return ""
    r = "not defined" if found["r"] is None else f"{found['r']:.3f}"
    title = TASKS[name].title.removeprefix("Shared ")
    words = f"{title}: share of annotated records of each fold, {found['values']:,} values, r = {r}."
    return _figure(share_scatter(found["points"][:2000], words), escape(words.capitalize()))


def _folds(folds: Mapping[str, Any]) -> str:
    rows = []
    for name, row in folds.items():
        if "ks" in row:
            medians = (f"{row['train_median']:,.6g}", f"{row['eval_median']:,.6g}")
            rows.append((name, f"KS {row['ks']:.3f}", f"p {row['p_value']:.2g}", *medians))
        else:
            r = "not defined" if row["r"] is None else f"r {row['r']:.3f}"
            rows.append((name, r, f"{row['values']:,} values", "", ""))
    return _table(("of the records", "train against eval", "", "median train", "median eval"), rows)


def _leakage(leakage: Mapping[str, Any], tasks: Sequence[str]) -> str:
    kinds = {
        "identical protein": (leakage["identical_protein"], len(leakage["identical_protein"]["groups"])),
        "identical DNA": (leakage["identical_dna"], len(leakage["identical_dna"]["groups"])),
        "protein of 0.9 identity": (leakage["near_identical"], len(leakage["near_identical"]["pairs"])),
    }
    rows = [
        (
            name,
            f"{count:,}",
            f"{own['eval_records']:,}",
            *(f"{own['eval_examples'][task]:.1%}" for task in tasks),
        )
        for name, (own, count) in kinds.items()
    ]
    if families := leakage.get("families"):
        records = "" if families["eval_records"] is None else f"{families['eval_records']:.0%}"
        shares = (f"{families['eval_examples'][task]:.0%}" for task in tasks)
        rows.append(
            (
                f"Pfam family (of {families['families']:,}; all members)",
                f"{families['both']:,}",
                records,
                *shares,
            )
        )
    return _table(("in both folds", "how many", "eval records", *(f"{task} eval" for task in tasks)), rows)


def _groups(leakage: Mapping[str, Any]) -> str:
    groups = leakage["identical_protein"]["groups"]
    if not groups:
        return ""
    items = "".join(f"<li>{escape(name_group(group))}</li>" for group in groups)
    return f"<details><summary>the {len(groups):,} identical proteins</summary><ul>{items}</ul></details>"


def _heat(value: float | None) -> str:
    if value is None:
        return "<td></td>"
    strength = min(1.0, abs(value - 0.5) / 0.4) * 0.55
    return f'<td style="background:rgba(var(--hot),{strength:.2f})">{value:.3f}</td>'


def _shortcuts(tasks: Mapping[str, Any]) -> str:
    rows = []
    for name, row in tasks.items():
        degree, lengths = row.get("attribute_degree"), row["length_auroc"]
        means = [
            f"{degree['eval'][key]['mean']:,.1f}" if degree else "" for key in ("positives", "negatives")
        ]
        heats = [
            degree["eval"]["auroc"] if degree else None,
            row.get("held_out_degree_accuracy"),
            row["annotation_count_accuracy"],
            row.get("identity_auroc"),
            row.get("matched_identity_auroc"),
            *(lengths[kind].get(how) for kind in ("protein", "dna") for how in ("sum", "closeness")),
        ]
        rows.append((name, *means, *map(_heat, heats)))
    header = (
        "task",
        "degree, positives",
        "negatives",
        "degree AUROC",
        "labels of other train pairs, accuracy",
    )
    header += ("GO terms, accuracy", "identity AUROC", "matched identity AUROC")
    header += ("protein lengths AUROC", "closeness", "gene lengths AUROC", "closeness")
    return _table(header, rows) if rows else "<p>Not measured while a rule is broken.</p>"


def _options(manifest: Mapping[str, Any]) -> str:
    rows = []
    for part in manifest.get("parts", {"": manifest}).values():
        of = part["species"]["title"]
        rows += [(of, name, _plain(value)) for name, value in part["options"].items()]
        rows.append((of, "seed", str(part["seed"])))
        rows.append((of, "vectors of the partition", part["partition_vectors"]["kind"]))
        rows.append((of, "anatomical sites recognised by", part["recogniser"]))
    return _table(("species", "option", "value"), rows, words=(1, 2))


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {own}" for key, own in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return str(value)
