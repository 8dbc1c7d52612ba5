"""What every form of the report says about a run: what it was made from, and what to keep in mind."""

from __future__ import annotations

from dataclasses import asdict

from genoprot_datasets.schema import FOLDS
from genoprot_evaluate.results import RECORD_NAME, ResultRecord

__all__ = ["CAVEATS", "numbered_reasons", "printable", "run_facts"]

CAVEATS = (
    "Both classes of a question are equally frequent in every evaluation sample, so chance is 50 %.",
    "Read a score beside the baselines: they know no more of a protein than its length, its composition, how "
    "well it is annotated or its identity with another one, and show how much of a question that answers.",
    "The ± is the standard deviation over the evaluation samples. They are drawn from the same proteins and "
    "overlap, so it is not a confidence interval; the intervals come from drawing the proteins anew, and say "
    "nothing about another choice of seed, head or dataset.",
    "An encoder may have seen the proteins of the eval fold, or their annotations, in its own training.",
    "Ensembles are made of the encoders listed as their members; they do not confirm them independently. A "
    "combination is not one of the paper's ensembles: it learns on the validation fold how to combine.",
    "A language model is asked in words and learns nothing from the train fold: it has no head and no "
    "validation fold. An answer that cannot be read counts as wrong.",
)
"""Sentences that stand under every table of scores."""


def run_facts(record: ResultRecord) -> list[tuple[str, str]]:
    """Pairs of label and value that say what the record was made from."""
    dataset = record.dataset
    folds = dataset["folds"]
    sizes = ", ".join(f"{folds[fold]} in {fold}" for fold in FOLDS if fold in folds)
    voters = sorted({member for ensemble in record.ensembles.values() for member in ensemble.members})
    return [
        ("Dataset", str(dataset["name"])),
        ("Fingerprint", str(dataset["fingerprint"])),
        ("Genes", f"{dataset['genes']} ({sizes})" if sizes else str(dataset["genes"])),
        *_species(record),
        *_samples(record),
        ("Tasks", ", ".join(record.tasks)),
        *_fallen_away(record),
        ("Members of the ensembles", ", ".join(voters) or "none"),
        ("Seed", str(record.seed)),
        ("Head", _settings(record.head) or "none"),
        *_asked(record),
        *_combined_from(record),
        ("Versions", _settings(record.versions)),
        ("Layout of the record", f"schema version {record.schema_version}"),
    ]


def _species(record: ResultRecord) -> list[tuple[str, str]]:
    """Species that the examples were confined to, by fold; nothing where they were not."""
    taxa = {fold: record.dataset.get(f"{fold}_species") for fold in FOLDS}
    return [
        (f"Species in {fold}", ", ".join(map(str, taxa[fold])) if taxa[fold] else "all")
        for fold in FOLDS
        if any(taxa.values())
    ]


def _samples(record: ResultRecord) -> list[tuple[str, str]]:
    """The samples that count, where they are not all of the dataset."""
    samples = record.dataset.get("eval_samples")
    return [] if samples is None else [("Evaluation samples", f"the first {samples}")]


def _asked(record: ResultRecord) -> list[tuple[str, str]]:
    """How each language model was asked."""
    found = []
    for name in record.models_of("language-model"):
        asked = asdict(record.models[name].asked)
        # These two are long; the record has them.
        words = {key: value for key, value in asked.items() if key not in ("versions", "instruction")}
        words |= words.pop("settings")
        told = {key: value for key, value in words.items() if value not in (None, ())}
        found.append((f"How {name} was asked", _settings(told)))
    return found


def _combined_from(record: ResultRecord) -> list[tuple[str, str]]:
    """Records that this one was combined from, with the beginning of the digest of each."""
    origins = [
        f"{origin.name} ({RECORD_NAME} {origin.files.get(RECORD_NAME, 'unknown')[:12]})"
        for origin in record.combined_from
    ]
    return [("Combined from", ", ".join(origins))] if origins else []


def _fallen_away(record: ResultRecord) -> list[tuple[str, str]]:
    """Examples without a vector, where there are any."""
    if not record.dropped:
        return []
    counts = (f"{task} {entry.train} train, {entry.eval} eval" for task, entry in record.dropped.items())
    lacking: dict[str, set[str]] = {}
    for entry in record.dropped.values():
        for name, accessions in entry.lacking.items():
            lacking.setdefault(name, set()).update(accessions)
    who = ", ".join(f"{name} lacks {len(gaps)} proteins" for name, gaps in sorted(lacking.items()))
    return [("Examples left out for all models", f"{'; '.join(counts)} ({who})")]


def numbered_reasons(record: ResultRecord) -> dict[str, int]:
    """Reasons of cells without a score, numbered from 1 by task and model."""
    reasons: dict[str, int] = {}
    for task in record.tasks:
        for _, score in sorted(record.scores[task].items()):
            if score.reason is not None:
                reasons.setdefault(score.reason, len(reasons) + 1)
    return reasons


def _settings(values: object) -> str:
    """A mapping as ``name value`` items on one line, sorted by name."""
    return "; ".join(f"{name.replace('_', ' ')} {_plain(value)}" for name, value in sorted(values.items()))


def _plain(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "-".join(str(entry) for entry in value)
    return str(value)


def printable(text: str) -> str:
    """Text from a record on one line, with a mark in place of every character that cannot be printed.

    Examples
    --------
    >>> printable("two\\nlines, a \\x00 and a lone \\ud800")
    'two lines, a \ufffd and a lone \ufffd'
    """
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(text.split()))
