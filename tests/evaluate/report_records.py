"""A made-up result record with every kind of model and cell, and with names that mean harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from genoprot_datasets.seeding import generator
from genoprot_datasets.tasks import EVAL_SAMPLES, TASKS
from genoprot_evaluate.results import (
    Combination,
    Comparison,
    Dropped,
    Ensemble,
    Gain,
    IdentityBin,
    Interval,
    ResultRecord,
    Score,
    ScoredModel,
)
from genoprot_evaluate.statistics import summarise

SCRIPT = "<script>alert(1)</script>"
HOSTILE = (
    SCRIPT,
    "'\"><img src=x onerror=alert(1)>",
    "--></svg></style><script>alert(2)</script>",
    "$\\frac{1}{",
    "a|b*c_d`e`[f](javascript:alert(3))",
    "line\nbreak\x00\ud800, and 核酸",
)
NAMES = {
    **{name: ScoredModel("encoder", name, "dna", 256) for name in ("kmer-4", "spliceai", "evo2-7b")},
    **{name: ScoredModel("encoder", name, "protein", 20) for name in ("composition", "unirep-64")},
    "lucaone": ScoredModel("encoder", "LucaOne", "both", 2560),
    **{f"ensemble:{name}": ScoredModel("ensemble", name) for name in ("soft", "hard", "max")},
    "combination:greedy": ScoredModel("combination", "greedy"),
    **{f"baseline:{name}": ScoredModel("baseline", name) for name in ("alignment", "majority")},
}


def make_record(hostile: Sequence[str] = (), tasks: Sequence[str] = tuple(TASKS)) -> ResultRecord:
    """Record of the models of `NAMES` and of encoders with the hostile names.

    Two models are told apart where their accuracies differ by more than 0.1.
    """
    models = NAMES | {name: ScoredModel("encoder", name) for name in hostile}
    scores = {task: {name: _score(task, name) for name in models} for task in tasks}
    return ResultRecord(
        dataset={
            "name": f"llnl/{SCRIPT if hostile else 'geno-prot'}",
            "fingerprint": "0123456789abcdef" * 4,
            "genes": 686,
            "folds": {"train": 466, "eval": 220},
        },
        seed=7,
        head={"hidden": [512, 128, 64], "learning_rate": 0.001},
        versions={"numpy": "2.4.6"},
        models=models,
        scores=scores,
        ensembles={task: Ensemble(("kmer-4",), {"kmer-4": 1.0}) for task in tasks},
        comparisons={task: comparisons_of(scores[task]) for task in tasks},
        combinations={
            task: Combination(("kmer-4",), 500, {"kmer-4": 3}, {"kmer-4": 0.7}, 0.1, {"kmer-4": 2.5})
            for task in tasks
        },
        gains={task: (Gain("spliceai", "ensemble:soft", 0.75, 0.7, 0.02, 0.08, 0.001),) for task in tasks},
        dropped={tasks[0]: Dropped({"kmer-4": ("P12345",)}, 12, 3)},
    )


def comparisons_of(cells: Mapping[str, Score]) -> tuple[Comparison, ...]:
    means = {
        name: cell.accuracy.mean
        for name, cell in sorted(cells.items())
        if cell.accuracy is not None and cell.accuracy.mean is not None
    }
    found = []
    for first, second in combinations(means, 2):
        gap = means[first] - means[second]
        p = 0.0005 if abs(gap) > 0.1 else 0.5
        found.append(Comparison(first, second, gap, gap - 0.1, gap + 0.1, p, 0.05))
    return tuple(found)


def _score(task: str, name: str) -> Score:
    if task == "melanoma" and name == "baseline:alignment":
        return Score("N/A", "a single record has no sequence identity to another")
    if task == "ppi" and name == "evo2-7b":
        return Score("ERROR", f"RuntimeError: {SCRIPT} | out of memory")
    if task == "disease" and name == "spliceai":
        return Score("OK", accuracy=summarise([0.5, None]), train_examples=40, eval_examples=40)
    rng = generator(0, task, ascii(name))
    samples = [hits / 300 for hits in rng.binomial(300, rng.uniform(0.45, 0.95), EVAL_SAMPLES).tolist()]
    summary = summarise(samples)
    return Score(
        *("OK", None, summary, summary, summarise([None]), 0.7, 0.6, 120, 5000, 3000, 9),
        auprc=summary,
        brier=summary,
        calibration_error=0.125,
        identity_bins=(IdentityBin(0.0, 0.1, 2000, 0.75), IdentityBin(0.1, 1.0, 1000, 0.5)),
        interval=Interval(max(0.0, summary.mean - 0.03), min(1.0, summary.mean + 0.03), 0.95, 2000),
    )
