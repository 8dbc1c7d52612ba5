"""The audit of a published folder: its hard rules, and what it would let a model guess."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from genoprot_datasets.audit.attributes import check_annotation, family_overlap, fold_shares
from genoprot_datasets.audit.counts import check_counts
from genoprot_datasets.audit.examples import (
    Check,
    Examples,
    check_examples,
    check_identities,
    check_matching,
    check_species,
    read_examples,
)
from genoprot_datasets.audit.figures import sequence_features
from genoprot_datasets.audit.folds import compare_folds
from genoprot_datasets.audit.leakage import check_grouping, dna_digests, measure_leakage
from genoprot_datasets.audit.projection import project
from genoprot_datasets.audit.recomputed import (
    check_interactions,
    check_similarities,
    not_recomputed,
    read_given_vectors,
)
from genoprot_datasets.audit.shortcuts import (
    degree_balance,
    held_out_degree_accuracy,
    length_aurocs,
    threshold_rule_accuracy,
)
from genoprot_datasets.balance import auroc
from genoprot_datasets.composition import COMPOSITION_TITLE, composition_vectors
from genoprot_datasets.files import sha256_of
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.relations import STRONG_EFFECT
from genoprot_datasets.schema import FOLDS
from genoprot_datasets.sources import read_protein_vectors
from genoprot_datasets.tasks import TASKS

__all__ = ["SCHEMA_VERSION", "audit"]

SCHEMA_VERSION = 3
"""Version of the report's layout."""

_COMPARED = ("subcellular", "anatomical", "pathway")
_COLUMNS = (
    *("accession", "gene", "fold", "protein", "dna_length", "protein_length"),
    *("coding_fraction", "chromosome", "go_terms", "species"),
)


def audit(
    dataset: str | Path,
    *,
    projection: str = "none",
    vectors: str | Path | None = None,
    go_vectors: str | Path | None = None,
) -> dict[str, Any]:
    """Check a published folder and measure its leaks and shortcuts.

    Parameters
    ----------
    dataset : str or Path
        Folder or Hub id.
    projection : str
        One of `projection.PROJECTIONS`.
    vectors : str or Path, optional
        HDF5 file of per-protein vectors to project; the composition of the proteins when left out.
    go_vectors : str or Path, optional
        The file of vectors of terms that the folder was built with, if it was built with one.

    Returns
    -------
    dict
        ``green``; ``checks``, the hard rules with what was counted; ``not_recomputed``, tasks whose labels
        could not be computed again, with the reason; ``leakage``, sequences and families that both folds
        have; ``tasks``, per task the sizes, and how far rules come that know no sequence;
        ``folds`` and ``attributes``, how alike the folds are; ``sequences`` and ``projection``, the numbers
        of the paper's Figures 4 and 5. What would be wrong of a folder with a broken rule is left out.

    Raises
    ------
    GenoProtError
        If there is no such dataset or one of its files cannot be read.
    """
    published = PublishedDataset.open(dataset)
    given = read_given_vectors(published, go_vectors)
    records, attributes = published.sequences(_COLUMNS), published.attributes()
    accessions = records["accession"].combine_chunks()
    proteins = records["protein"].to_pylist()
    fold = np.array([FOLDS.index(name) for name in records["fold"].to_pylist()], np.int64)

    examples = {
        task: {split: read_examples(published, task, split, accessions) for split in FOLDS}
        for task in published.tasks
    }
    matched = {
        task: {split: read_examples(published, task, split, accessions, matched=True) for split in FOLDS}
        for task in published.matched_tasks
    }
    checks = [*_check_files(published, accessions)]
    checks += _check_tasks(published, examples, matched, records, attributes, fold)
    checks += _recompute(published, examples, matched, records, attributes, fold, given)
    every = [split for splits in (*examples.values(), *matched.values()) for split in splits.values()]
    checks.append(check_identities([split for split in every if split.identity is not None], proteins))
    leakage = measure_leakage(records, dna_digests(published), fold, examples)
    checks += check_grouping(published, records, fold, leakage["identical_protein"]["groups"], every)
    sound = all(check.passed for check in checks)
    report: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "dataset": {"name": published.manifest["name"], "fingerprint": published.fingerprint},
        "green": sound,
        "checks": [{"name": c.name, "passed": c.passed, "detail": c.detail} for c in checks],
        "not_recomputed": list(not_recomputed(published, given)),
        "leakage": leakage,
        "tasks": {},
        "folds": compare_folds(records, fold),
        "fold_sizes": {name: int((fold == k).sum()) for k, name in enumerate(FOLDS)},
        "attributes": {name: fold_shares(attributes[name], fold) for name in _COMPARED},
        "sequences": sequence_features(records),
        "projection": _projection(accessions.to_pylist(), proteins, fold, projection, vectors),
    }
    if sound:
        evaluation = {task: splits["eval"] for task, splits in examples.items()}
        leakage["families"] = family_overlap(attributes, fold, evaluation)
        for task, splits in examples.items():
            counts = published.manifest["tasks"][task]
            sizes = {f: {k: v for k, v in counts[f].items() if isinstance(v, int)} for f in FOLDS}
            report["tasks"][task] = sizes | _shortcuts(splits, matched.get(task), records)
            if "degree" in counts["eval"]:
                report["tasks"][task]["attribute_degree"] = {f: counts[f]["degree"] for f in FOLDS}
    return report


def _check_files(published: PublishedDataset, accessions: pa.Array) -> Iterator[Check]:
    listed = published.manifest["files"] | published.manifest["provenance"]
    changed = [
        path
        for path, entry in sorted(listed.items())
        if sha256_of(published.folder / path) != entry["sha256"]
    ]
    detail = ", ".join(changed) or f"{len(listed)} files"
    yield Check("files are those of the manifest", not changed, detail)
    repeated = len(accessions) - len(accessions.unique())
    yield Check(
        "no accession in both folds or twice in one", not repeated, f"{repeated:,} repeated accessions"
    )
    own = published.attributes()["accession"].combine_chunks()
    yield Check("every record has its attributes", own.equals(accessions), f"{len(own):,} rows")


def _check_tasks(
    published: PublishedDataset,
    examples: Mapping[str, Mapping[str, Examples]],
    matched: Mapping[str, Mapping[str, Examples]],
    records: pa.Table,
    attributes: pa.Table,
    fold: np.ndarray,
) -> Iterator[Check]:
    species = records["species"].to_numpy()
    terms = records["go_terms"].combine_chunks().value_lengths().to_numpy()
    for task, own in examples.items():
        for variant in filter(None, (own, matched.get(task))):
            for examined in variant.values():
                threshold = _threshold(published, task, examined, species)
                yield from check_examples(examined, fold, threshold)
                known = (examined.members >= 0).all()
                if published.has_several_species and known:
                    yield check_species(examined, species)
                if known and len(attributes) == len(records):
                    effect = _effect_threshold(published.manifest)
                    yield from check_annotation(examined, task, attributes, terms, effect)
                if variant is not own:
                    yield check_matching(examined)
        if task in matched:
            yield _check_variants(own, matched[task], records.num_rows)


def _recompute(
    published: PublishedDataset,
    examples: Mapping[str, Mapping[str, Examples]],
    matched: Mapping[str, Mapping[str, Examples]],
    records: pa.Table,
    attributes: pa.Table,
    fold: np.ndarray,
    given: Mapping[int, Mapping[str, np.ndarray]],
) -> Iterator[Check]:
    species = records["species"].to_numpy()

    def examined(task: str) -> list[Examples]:
        splits = [*examples.get(task, {}).values(), *matched.get(task, {}).values()]
        return [split for split in splits if (split.members >= 0).all()]

    if len(attributes) == len(records):
        accessions = records["accession"].combine_chunks()
        partners = attributes["interactions"].to_numpy().astype(np.float64)
        yield from check_counts(published, attributes, fold, species)
        yield from check_interactions(published, examined("ppi"), accessions, fold, species, partners)
    terms = records["go_terms"].to_pylist()
    yield from check_similarities(published, examined("function"), fold, species, terms, given)


def _check_variants(plain: Mapping[str, Examples], matched: Mapping[str, Examples], records: int) -> Check:
    """No pair has one label in a task and the other in its matched variant."""
    every = (*plain.values(), *matched.values())
    positive, negative = (
        np.concatenate([own.codes(records)[own.label == value] for own in every]) for value in (1, 0)
    )
    both = len(np.intersect1d(positive, negative))
    config = plain["eval"].config
    return Check(f"{config}: one label per pair, matched or not", not both, f"{both:,} with both labels")


def _effect_threshold(manifest: Mapping[str, Any]) -> float:
    for part in manifest.get("parts", {"": manifest}).values():
        if "melanoma" in part["tasks"]:
            return part["tasks"]["melanoma"]["labels"]["effect_threshold"]
    return STRONG_EFFECT


def _threshold(
    published: PublishedDataset, task: str, examples: Examples, species: np.ndarray
) -> float | np.ndarray | None:
    """Identity threshold of a task, or that of each example's species."""
    if not published.has_several_species:
        return _stated(published.manifest, task)
    parts = published.manifest["parts"].values()
    stated = {part["species"]["taxon"]: _stated(part, task) for part in parts}
    return np.array([stated[taxon] for taxon in species[examples.members[:, 0]].tolist()], dtype=np.float64)


def _stated(manifest: Mapping[str, Any], task: str) -> float | None:
    return manifest["tasks"].get(task, {}).get("challenge", {}).get("identity_threshold")


def _projection(
    accessions: Sequence[str],
    proteins: Sequence[str],
    fold: np.ndarray,
    method: str,
    vectors: str | Path | None,
) -> dict[str, Any] | None:
    if method == "none":
        return None
    if vectors is None:
        points, kept, of = composition_vectors(proteins), np.arange(len(accessions)), COMPOSITION_TITLE
    else:
        held, points = read_protein_vectors(vectors, accessions)
        place = {accession: k for k, accession in enumerate(accessions)}
        kept = np.array([place[accession] for accession in held], np.int64)
        of = f"vectors of {Path(vectors).name}"
    found = project(points, fold[kept], method)
    return None if found is None else {"of": of, **found, "fold": fold[kept].tolist()}


def _shortcuts(
    splits: Mapping[str, Examples], matched: Mapping[str, Examples] | None, records: pa.Table
) -> dict[str, Any]:
    terms = np.log1p(records["go_terms"].combine_chunks().value_lengths().to_numpy())
    n = records.num_rows
    found: dict[str, Any] = {
        "annotation_count_accuracy": threshold_rule_accuracy(splits["train"], splits["eval"], terms)
    }
    config = splits["eval"].config
    if TASKS[config].arity == 2:
        found["degree"] = {split: degree_balance(splits[split], n) for split in FOLDS}
        found["held_out_degree_accuracy"] = held_out_degree_accuracy(splits["train"], n)
        for name, own in (("identity_auroc", splits), ("matched_identity_auroc", matched)):
            if own is not None and own["eval"].identity is not None:
                found[name] = auroc(own["eval"].identity, own["eval"].label)
    found["length_auroc"] = {
        kind: length_aurocs(splits["eval"], records[f"{kind}_length"].to_numpy())
        for kind in ("protein", "dna")
    }
    return found
