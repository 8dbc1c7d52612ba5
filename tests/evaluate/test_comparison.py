"""Comparisons of models: on the same examples, corrected over tasks, and no more than the data say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.comparison import (
    beaten,
    best_models,
    compare_models,
    corrected_p_values,
    holm,
    lifts,
    standings,
)
from genoprot_evaluate.ranking import critical_difference, friedman, rank_models
from genoprot_evaluate.results import PREDICTIONS, Comparison, Ensemble, ResultRecord, Score, ScoredModel
from genoprot_evaluate.statistics import accuracy, summarise
from genoprot_evaluate.tables import format_scores, score_rows

SHARES = {"good": 0.8, "near": 0.8, "poor": 0.55, "baseline:rule": 0.79}


def empty_record(scores: dict[str, dict[str, Score]], comparisons=None) -> ResultRecord:
    names = sorted({name for cells in scores.values() for name in cells})
    kinds = {name: "baseline" if name.startswith("baseline:") else "encoder" for name in names}
    return ResultRecord(
        dataset={"name": "tiny", "fingerprint": "0", "genes": 60, "folds": {"train": 20, "eval": 40}},
        seed=3,
        head={},
        versions={},
        models={name: ScoredModel(kinds[name], name) for name in names},
        scores=scores,
        ensembles={task: Ensemble((), {}) for task in scores},
        comparisons=comparisons or {},
    )


def make_run(tasks=("ppi", "melanoma"), seed: int = 0) -> tuple[ResultRecord, pa.Table]:
    """Models that are right at the rates of `SHARES`, on ten samples of pairs or records of 40 proteins."""
    rng = np.random.default_rng(seed)
    names = [f"P{number:05d}" for number in range(40)]
    scores, parts = {}, []
    for task in tasks:
        first, second = (np.arange(40), None) if task == "melanoma" else np.triu_indices(40, 1)
        labels = rng.integers(0, 2, len(first))
        answers = {name: rng.random(len(first)) < share for name, share in SHARES.items()}
        rows = np.concatenate(
            [rng.choice(np.flatnonzero(labels == c), 15) for _ in range(10) for c in (0, 1)]
        )
        sample = np.repeat(np.arange(10), 30)
        cells = {}
        for name, right in answers.items():
            truth, guess = labels[rows], np.where(right[rows], labels[rows], 1 - labels[rows])
            cells[name] = Score(
                "OK",
                accuracy=summarise([accuracy(truth[sample == n], guess[sample == n]) for n in range(10)]),
            )
            columns = {
                "task": [task] * len(rows),
                "sample": sample.astype(np.int8),
                "row": np.arange(len(rows), dtype=np.int32),
                "accession_a": [names[place] for place in first[rows]],
                "accession_b": [None if second is None else names[second[place]] for place in rows],
                "identity": [None] * len(rows),
                "challenge": [None] * len(rows),
                "model": [name] * len(rows),
                "label": truth.astype(np.int8),
                "predicted": guess.astype(np.int8),
                "probability": guess.astype(np.float64),
            }
            parts.append(pa.table(columns, schema=PREDICTIONS))
        cells["late"] = Score("N/A", "no vectors")
        scores[task] = cells
    return empty_record(scores), pa.concat_tables(parts)


@pytest.fixture(scope="module")
def compared() -> ResultRecord:
    return compare_models(*make_run())


def test_every_score_has_its_interval_and_every_two_models_are_compared_once(compared):
    for task in ("ppi", "melanoma"):
        cells = compared.scores[task]
        assert cells["late"].interval is None
        for name in SHARES:
            interval = cells[name].interval
            assert interval.low < cells[name].accuracy.mean < interval.high
            assert (interval.level, interval.resamples) == (0.95, 2000)
        pairs = compared.comparisons[task]
        assert len(pairs) == len({frozenset((pair.first, pair.second)) for pair in pairs}) == 6
        for pair in pairs:
            difference = cells[pair.first].accuracy.mean - cells[pair.second].accuracy.mean
            assert pair.difference == pytest.approx(difference)
            assert pair.low <= pair.difference <= pair.high


def test_order_of_predictions_decides_nothing(compared):
    record, predictions = make_run()
    turned = predictions.take(np.random.default_rng(0).permutation(len(predictions)))
    assert compare_models(record, turned) == compared


def test_what_is_better_beats_and_what_is_near_is_tied(compared):
    beating = {better for better, losers in beaten(compared).items() if "ppi" in losers.get("poor", ())}
    assert beating == {"good", "near", "baseline:rule"}
    assert best_models(compared, "ppi") < {"good", "near"}
    assert standings(compared)["ppi"].tied == {"good", "near", "baseline:rule"}
    assert standings(make_run()[0])["ppi"].tied == frozenset()


def test_a_baseline_that_is_better_than_the_best_is_marked(compared):
    """Without the two good encoders a baseline is left that beats the best of the rest."""
    kept = ("poor", "baseline:rule", "late")
    record = replace(
        compared,
        models={name: compared.models[name] for name in kept},
        scores={task: {name: cells[name] for name in kept} for task, cells in compared.scores.items()},
        comparisons={
            task: tuple(pair for pair in pairs if {pair.first, pair.second} <= set(kept))
            for task, pairs in compared.comparisons.items()
        },
    )
    standing = standings(record)["ppi"]
    assert standing == ({"poor"}, {"poor"}, {"baseline:rule"})
    assert [standing.mark(name) for name in kept] == ["*", ">", ""]
    assert standings(compared)["ppi"].better == frozenset()
    assert [row["model"] for row in score_rows(record) if row["better"]].count("baseline:rule") >= 1
    text = format_scores(record)
    (line,) = [line for line in text.splitlines() if "Protein-protein" in line and ">" in line]
    assert line.endswith(">")
    assert "> better than it, by the same test" in text
    assert "> better" not in format_scores(compared)


def test_ties_show_in_rows_and_table(compared):
    rows = {(row["task"], row["model"]): row for row in score_rows(compared)}
    assert rows["ppi", "baseline:rule"]["tied"]
    assert not rows["ppi", "poor"]["tied"]
    interval = compared.scores["ppi"]["good"].interval
    assert (rows["ppi", "good"]["accuracy_low"], rows["ppi", "good"]["accuracy_high"]) == (
        interval.low,
        interval.high,
    )
    text = format_scores(compared)
    line = next(line for line in text.splitlines() if "Protein-protein" in line)
    assert line.count("*") == line.count("=") == 1
    assert "95% intervals of encoders and ensembles, over proteins: ±" in text
    assert max(map(len, format_scores(compared, 60).splitlines()[1:])) <= 60


def test_predictions_of_another_run_are_refused():
    record, predictions = make_run()
    _, other = make_run(seed=1)
    for wrong in (other, predictions.slice(0, 100), predictions.slice(0, 0)):
        with pytest.raises(GenoProtError, match="predictions of '.*' on ppi are not those of the record"):
            compare_models(record, wrong)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_its_steps_reject(values):
    corrected = holm(values)
    order = sorted(range(len(values)), key=lambda place: values[place])
    for alpha in (0.01, 0.05, 0.3):
        rejected = set()
        for step, place in enumerate(order):
            if values[place] * (len(values) - step) > alpha:
                break
            rejected.add(place)
        assert {place for place, value in enumerate(corrected) if value <= alpha} == rejected


def test_correction_runs_over_the_tasks_of_each_two_models():
    def pair(first, second, p):
        return Comparison(first, second, 0.1, 0.05, 0.15, p)

    cells = {name: Score("OK", accuracy=summarise([0.6, 0.6])) for name in ("a", "b", "c")}
    record = empty_record(
        {task: cells for task in ("pfam", "ppi", "drug")},
        {
            "pfam": (pair("a", "b", 0.02), pair("a", "c", 0.03)),
            "ppi": (pair("a", "b", 0.04),),
            "drug": (pair("a", "b", 0.03),),
        },
    )
    corrected = corrected_p_values(record)
    assert corrected["a", "b"] == pytest.approx({"pfam": 0.06, "ppi": 0.06, "drug": 0.06})
    assert corrected["a", "c"] == {"pfam": 0.03}
    assert beaten(record) == {"a": {"c": ("pfam",)}}


def ranked_record(table: dict[str, dict[str, float | None]]) -> ResultRecord:
    return empty_record(
        {
            task: {
                name: Score("N/A", "no data") if mean is None else Score("OK", accuracy=summarise([mean]))
                for name, mean in cells.items()
            }
            for task, cells in table.items()
        }
    )


def test_ranks_are_over_the_same_tasks_for_all():
    record = ranked_record(
        {
            "pfam": {"a": 0.9, "b": 0.8, "c": 0.8, "d": 0.99},
            "ppi": {"a": 0.7, "b": 0.6, "c": 0.5, "d": None},
            "drug": dict.fromkeys("abcd"),
        }
    )
    ranking = rank_models(record)
    assert ranking.tasks == ("pfam", "ppi")
    assert dict(ranking.ranks) == {"a": 1.0, "b": 2.25, "c": 2.75}
    assert ranking.left_out == {"d": 1}


def test_friedman_and_nemenyi_are_those_of_demsar():
    # Table 6 and section 3.2.3 of Demsar (2006): 4 algorithms, 14 data sets, F = 3.69.
    average = {"C4.5": 3.143, "+m": 2.000, "+cf": 2.893, "+m+cf": 1.964}
    p = friedman(np.array(list(average.values())), 14)
    assert stats.f.isf(p, 3, 39) == pytest.approx(3.69, abs=0.01)
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.01)
    assert critical_difference(4, 14, alpha=0.1) == pytest.approx(1.12, abs=0.01)


def test_friedman_is_that_of_scipy():
    rng = np.random.default_rng(0)
    tasks = ("pfam", "subcellular", "ppi", "pathway", "drug")
    values = rng.uniform(size=(5, 4))
    record = ranked_record({task: dict(zip("abcd", row.tolist())) for task, row in zip(tasks, values)})
    chi_squared = stats.friedmanchisquare(*values.T).statistic
    ratio = 4 * chi_squared / (5 * 3 - chi_squared)
    assert rank_models(record).p == pytest.approx(stats.f.sf(ratio, 3, 12))


def test_one_task_has_ranks_and_no_test():
    ranking = rank_models(ranked_record({"pfam": {"a": 0.5, "b": 0.6}}))
    assert (dict(ranking.ranks), ranking.critical_difference, ranking.p) == ({"b": 1.0, "a": 2.0}, None, None)
    assert rank_models(ranked_record({"pfam": {"a": None}})).ranks == {}


def test_lift_is_over_the_best_baseline_in_standard_errors(compared):
    for task in ("ppi", "melanoma"):
        found = lifts(compared, task)
        assert set(found) == {"good", "near", "poor"}
        for name, lift in found.items():
            pair = next(
                p for p in compared.comparisons[task] if {p.first, p.second} == {name, "baseline:rule"}
            )
            means = [compared.scores[task][model].accuracy.mean for model in (name, "baseline:rule")]
            assert lift.baseline == "baseline:rule"
            assert lift.difference == pytest.approx(means[0] - means[1])
            assert lift.errors == pytest.approx(lift.difference / pair.error)
            # An interval of 95% is about two standard errors to either side.
            assert pair.high - pair.low == pytest.approx(4 * pair.error, rel=0.12)
    assert lifts(compared, "ppi")["poor"].errors < -3
    assert abs(lifts(compared, "ppi")["good"].errors) < 3


def test_lift_takes_the_best_of_several_baselines_and_nothing_where_there_is_none():
    scores = {
        name: Score("OK", accuracy=summarise([mean])) for name, mean in (("a", 0.7), ("baseline:x", 0.6))
    }
    scores |= {"baseline:w": Score("OK", accuracy=summarise([0.65])), "baseline:v": Score("N/A", "no")}
    pairs = [
        Comparison("a", "baseline:w", 0.05, 0.0, 0.1, 0.05, 0.025),
        Comparison("a", "baseline:x", 0.1, 0.0, 0.2, 0.05, None),
        Comparison("baseline:w", "baseline:x", 0.05, 0.0, 0.1, 0.05, 0.0),
    ]
    record = empty_record({"ppi": scores}, {"ppi": tuple(pairs)})
    found = lifts(record, "ppi")
    assert (found["a"].baseline, found["a"].errors) == ("baseline:w", pytest.approx(2.0))
    assert set(found) == {"a"}
    assert lifts(empty_record({"ppi": {"a": scores["a"]}}), "ppi") == {}
