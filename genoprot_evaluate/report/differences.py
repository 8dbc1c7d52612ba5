"""Which differences hold, as every form of the report shows them."""

from __future__ import annotations

from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.comparison import beaten, standings
from genoprot_evaluate.ranking import rank_models
from genoprot_evaluate.results import KINDS, ResultRecord

__all__ = ["differences_note", "rank_rows", "tie_rows", "win_table"]


def rank_rows(record: ResultRecord) -> list[tuple[str, float, float, int, int]]:
    """Model, average rank, mean accuracy over the same tasks, wins and losses; best rank first.

    A model is counted once for each other model and task.
    """
    wins = beaten(record)
    ranking = rank_models(record)
    rows = []
    for name, rank in ranking.ranks.items():
        won = sum(len(tasks) for tasks in wins.get(name, {}).values())
        lost = sum(len(losers.get(name, ())) for losers in wins.values())
        rows.append((name, rank, ranking.means[name], won, lost))
    return rows


def tie_rows(record: ResultRecord) -> list[tuple[str, str, str, str]]:
    """Title of a task, its best encoders or ensembles, what cannot be told from them, and what is better."""
    return [
        (TASKS[task].title, *(", ".join(sorted(names)) or "none" for names in (best, tied - best, better)))
        for task, (best, tied, better) in standings(record).items()
        if record.comparisons.get(task)
    ]


def win_table(record: ResultRecord) -> tuple[list[str], list[list[int]]]:
    """Names of the compared models by kind, and in how many tasks each (row) beats each (column)."""
    pairs = [pair for task in record.tasks for pair in record.comparisons.get(task, ())]
    compared = {name for pair in pairs for name in (pair.first, pair.second)}
    names = [name for kind in KINDS for name in record.models_of(kind) if name in compared]
    wins = beaten(record)
    return names, [[len(wins.get(name, {}).get(other, ())) for other in names] for name in names]


def differences_note(record: ResultRecord) -> str:
    """What the ranks are taken over, how far apart they have to be, and who is left out."""
    ranking = rank_models(record)
    count = len(ranking.tasks)
    named = ", ".join(ranking.tasks) or "none"
    note = f"Ranks and mean accuracies are averages over {count} task{'s' * (count != 1)}: {named}."
    if ranking.critical_difference is not None:
        note += (
            f" Two average ranks differ at the 5% level when they are {ranking.critical_difference:.2f} "
            f"apart (Nemenyi); that all models are equally good has p = {ranking.p:.2g} (Friedman, Iman and "
            "Davenport)."
        )
    if ranking.left_out:
        listed = ", ".join(f"{name} ({scored} of {count})" for name, scored in ranking.left_out.items())
        note += f" Not ranked, since not scored in all of them: {listed}."
    return note
