"""Checks what follows from the further predictions of a record: matched pairs, seeds, validation folds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.seeding import integer_seed
from genoprot_evaluate.ensembles import ENSEMBLES
from genoprot_evaluate.evaluation.cells import Fit, mean_accuracy, score_fit
from genoprot_evaluate.evaluation.examples import TaskExamples
from genoprot_evaluate.evaluation.stored import Answers, answers_of, pooled_validation
from genoprot_evaluate.evaluation.voting import learn_to_combine
from genoprot_evaluate.heads import HeadConfig, divide_examples
from genoprot_evaluate.leaderboard.differences import TOLERANCE, differences
from genoprot_evaluate.results import PARTS, ResultRecord, Score
from genoprot_evaluate.statistics import accuracy

__all__ = ["faults_of_further"]

LEARNED_TOLERANCE = 1e-6
"""Relative difference of what two runs of an optimiser find."""


Groups = Mapping[tuple[str, int, str], Answers]


def faults_of_further(
    record: ResultRecord,
    task: str,
    fits: Mapping[str, Fit],
    examples: TaskExamples,
    table: pa.Table,
    *,
    with_dataset: bool,
) -> Iterator[str]:
    """What in the cells of a task does not follow from its further predictions, one line each.

    Parameters
    ----------
    record : ResultRecord
    task : str
    fits : mapping of str to Fit
        The eval predictions of every model that has a score.
    examples : TaskExamples
        Of the dataset, or, without one, the eval examples as the record has them.
    table : pyarrow.Table
        With the columns of `results.FURTHER`.
    with_dataset : bool
        Whether `examples` are those of the dataset.
    """
    table = table.filter(pc.equal(table["task"], task))
    keys = _keys(table)
    kinds = {name: model.kind for name, model in record.models.items()}
    found = [
        fault for key in keys if (fault := _misplaced(*key, record.scores[task], fits, kinds)) is not None
    ]
    if found:
        yield from (f"{task}, {fault}" for fault in found)
        return
    groups = {key: answers_of(table, *key) for key in keys}
    found = [
        f"{task}, {model}: {fault}"
        for (part, _, model), answers in groups.items()
        if (fault := _impossible(part, answers, kinds[model])) is not None
    ]
    if found:
        yield from found
        return
    checks = (
        _faults_of_matched(record, task, fits, examples, groups, with_dataset),
        _faults_of_seeds(record, task, fits, examples, groups),
        _faults_of_order(record, task, fits, examples, groups),
        _faults_of_validation(record, task, fits, examples, groups, with_dataset),
        _faults_of_combinations(record, task, fits, groups),
    )
    for check in checks:
        yield from (f"{task}{fault}" for fault in check)


def _keys(table: pa.Table) -> list[tuple[str, int, str]]:
    """Every part, seed and model that there are answers of."""
    names = ["part", "seed", "model"]
    distinct = (
        table.group_by(names).aggregate([]).select(names).sort_by([(name, "ascending") for name in names])
    )
    return list(zip(*(column.to_pylist() for column in distinct.columns)))


def _misplaced(
    part: str,
    seed: int,
    model: str,
    scores: Mapping[str, Score],
    fits: Mapping[str, Fit],
    kinds: Mapping[str, str],
) -> str | None:
    """Why there can be no such answers; there are then no more than the record has models and seeds for."""
    if model not in fits:
        return f"{model}: further predictions but no score"
    if kinds[model] == "language-model" and part != "matched":
        return f"{model}: further predictions of part {part!r:.30} of a language model"
    if part not in PARTS or (seed > 0) != (part == "seed"):
        return f"{model}: further predictions of part {part!r:.30} and seed {seed}"
    given = len(scores[model].seed_accuracies)
    if seed > 0 and seed >= given:
        return f"{model}: {given} accuracies of seeds, and predictions of seed {seed}"
    return None


def _impossible(part: str, found: Answers, kind: str) -> str | None:
    if np.any(np.diff(found.row) <= 0) or np.any(found.row < 0):
        return f"the rows of its {part} predictions do not rise"
    if not np.isin(found.label, (0, 1)).all():
        return f"a label of its {part} predictions is neither 0 nor 1"
    lacking = np.isnan(found.probability)
    if kind == "language-model":
        classes = np.where(lacking, found.predicted, found.probability > 0.5)
        if not np.isin(found.predicted, (-1, 0, 1)).all():
            return f"an answer of its {part} predictions is none of -1, 0 and 1"
    else:
        classes = found.probability > 0.5
        lacking = np.zeros(len(lacking), dtype=bool)
    if not ((found.probability >= 0) & (found.probability <= 1) | lacking).all():
        return f"a probability of its {part} predictions is not between 0 and 1"
    if not np.array_equal(found.predicted, classes):
        return f"a class of its {part} predictions is not the one that its probability gives"
    return None


def _of_part(groups: Groups, part: str) -> dict[str, Answers]:
    return {model: found for (known, _, model), found in groups.items() if known == part}


def _faults_of_matched(
    record: ResultRecord,
    task: str,
    fits: Mapping[str, Fit],
    examples: TaskExamples,
    groups: Groups,
    with_dataset: bool,
) -> Iterator[str]:
    found = _of_part(groups, "matched")
    if found:
        first = min(found)
        row, label = found[first].row, found[first].label
        whose = f"those of {first}"
        if with_dataset and examples.matched is not None:
            row, label, whose = examples.matched.row, examples.matched.labels, "those of the dataset"
        for model in sorted(found):
            if not found[model].same_examples(row, label):
                yield f", {model}: its identity-matched examples or labels are not {whose}"
                return
    # Models asked in words are asked about these pairs on demand.
    judged, judges = (
        any(record.models[model].kind != "language-model" for model in some) for some in (fits, found)
    )
    if with_dataset and examples.matched is None and found:
        yield ": identity-matched predictions, but the dataset has none"
        return
    if with_dataset and examples.matched is not None and judged and not judges:
        yield ": identity-matched predictions, but the dataset has such pairs"
        return
    for model in sorted(fits):
        score, answers = record.scores[task][model], found.get(model)
        again = (None, None)
        if answers is not None:
            again = (accuracy(answers.label, answers.predicted), len(answers.row))
        given = (score.matched_accuracy, score.matched_examples)
        yield from (
            f", {model}: {place}"
            for name, one, other in zip(("matched_accuracy", "matched_examples"), given, again)
            for place in differences(one, other, name)
        )
    yield from _faults_of_matched_votes(record, task, found)


def _faults_of_matched_votes(record: ResultRecord, task: str, found: Mapping[str, Answers]) -> Iterator[str]:
    ensemble = record.ensembles.get(task)
    if ensemble is None or not ensemble.members or not set(ensemble.members) <= found.keys():
        return
    probabilities = np.stack([found[name].probability for name in ensemble.members])
    accuracies = np.array([record.scores[task][name].validation_accuracy or 0 for name in ensemble.members])
    for name, combine in ENSEMBLES.items():
        if name in found:
            score = combine(probabilities, accuracies).score
            if np.abs(score - found[name].probability).max(initial=0) > TOLERANCE:
                yield f", {name}: on identity-matched pairs it is not what the members give"


def _faults_of_seeds(
    record: ResultRecord, task: str, fits: Mapping[str, Fit], examples: TaskExamples, groups: Groups
) -> Iterator[str]:
    for model in sorted(fits):
        heads = {
            seed: found for (part, seed, name), found in groups.items() if (part, name) == ("seed", model)
        }
        given = record.scores[task][model].seed_accuracies
        if sorted(heads) != list(range(1, max(1, len(given)))):
            yield f", {model}: {len(given)} accuracies of seeds, and predictions of {len(heads)} further ones"
            continue
        if not all(one.same_examples(examples.eval.row, examples.eval.labels) for one in heads.values()):
            yield f", {model}: the examples or labels of a further seed are not those of the first"
            continue
        if heads:
            ordered = [fits[model].probability, *(heads[seed].probability for seed in sorted(heads))]
            again = [mean_accuracy(examples.eval, one) for one in ordered]
            yield from (f", {model}: {place}" for place in differences(given, again, "seed_accuracies"))


def _faults_of_order(
    record: ResultRecord, task: str, fits: Mapping[str, Fit], examples: TaskExamples, groups: Groups
) -> Iterator[str]:
    found = _of_part(groups, "exchanged")
    for model in sorted(fits):
        fit = fits[model]
        if model in found:
            if not found[model].same_examples(examples.eval.row, examples.eval.labels):
                yield f", {model}: the pairs or labels of its exchanged predictions are not the others'"
                continue
            fit = fit._replace(exchanged=found[model].probability)
        again, given = score_fit(examples, fit), record.scores[task][model]
        for name in ("order_difference", "order_flips"):
            places = differences(getattr(given, name), getattr(again, name), name)
            yield from (f", {model}: {place}" for place in places)


def _faults_of_validation(
    record: ResultRecord,
    task: str,
    fits: Mapping[str, Fit],
    examples: TaskExamples,
    groups: Groups,
    with_dataset: bool,
) -> Iterator[str]:
    found = _of_part(groups, "validation")
    for model in sorted(name for name in fits if record.models[name].kind == "encoder"):
        if model not in found:
            yield f", {model}: no predictions of the validation fold"
            continue
        again = accuracy(found[model].label, found[model].probability > 0.5)
        given = record.scores[task][model].validation_accuracy
        yield from (f", {model}: {place}" for place in differences(given, again, "validation_accuracy"))
    if not found or not with_dataset:
        return
    train, seed = examples.train, integer_seed(record.seed, "head", task)
    fold = divide_examples(train.members, train.labels, HeadConfig.from_dict(record.head), seed)
    for model in sorted(found):
        if not found[model].same_examples(train.row[fold.held_out], train.labels[fold.held_out]):
            yield f", {model}: its validation fold is not the one of the record's seed"


def _faults_of_combinations(
    record: ResultRecord, task: str, fits: Mapping[str, Fit], groups: Groups
) -> Iterator[str]:
    """Whether what was learned on the validation fold, and the votes of it, come out again."""
    held_out = _of_part(groups, "validation")
    ensemble = record.ensembles.get(task)
    members = () if ensemble is None else ensemble.members
    if not members or not set(members) <= held_out.keys() & fits.keys():
        return
    try:
        pooled, _, labels = pooled_validation({name: held_out[name] for name in members})
    except GenoProtError as error:
        yield f", {error}"
        return
    voters = {name: fits[name]._replace(held_out=pooled[name]) for name in members}
    learned, votes = learn_to_combine(voters, members, labels)
    given = record.combinations.get(task)
    yield from (
        f": {place}"
        for place in differences(
            given and asdict(given),
            learned and asdict(learned),
            "combinations",
            relative=LEARNED_TOLERANCE,
        )
    )
    for name, vote in votes.items():
        if name in fits and vote.status == "OK":
            apart = np.abs(vote.probability - fits[name].probability).max(initial=0)
            if apart > LEARNED_TOLERANCE:
                yield f", {name}: it is not what was learned on the validation fold"
