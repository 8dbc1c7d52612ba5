"""Tasks by name and by group, and the list of them."""

from __future__ import annotations

import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.tasks import GROUPS, TASKS
from genoprot_evaluate.cli import main
from genoprot_evaluate.evaluation.inputs import chosen_tasks
from genoprot_evaluate.evaluation.task_choice import named_tasks, task_list


class Published:
    name, tasks, manifest = "small", ("pfam", "ppi"), {"left_out": {"pathway": "too few"}}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, ("pfam", "ppi", "pathway")),
        (["pathway", "pfam"], ("pfam", "pathway")),
        (["functional"], ("ppi", "pathway")),
        (["functional", "ppi", "structure"], ("pfam", "ppi", "pathway")),
    ],
    ids=["all", "names", "group", "both"],
)
def test_tasks_of_a_dataset(asked, found):
    assert chosen_tasks(Published, asked) == found


def test_a_task_that_the_dataset_lacks_is_refused():
    with pytest.raises(GenoProtError, match="'small' has no task 'drug'; it has pfam, ppi"):
        chosen_tasks(Published, ["pfam", "drug"])
    with pytest.raises(GenoProtError, match="'small' has no task of biomedical; it has pfam, ppi"):
        chosen_tasks(Published, ["biomedical"])


def test_every_group_stands_for_its_tasks():
    assert named_tasks(list(GROUPS)) == tuple(TASKS)


def test_list_tells_every_question():
    text = " ".join(task_list().split())
    for spec in TASKS.values():
        assert f"{spec.name} {spec.question}" in text


def test_command_lists_the_tasks_and_needs_nothing_else(tiny_dataset, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--dataset", str(tiny_dataset), "--tasks", "list"])
    assert ended.value.code == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "Do proteins A and B interact?" in words
    assert "interact? [train 2 x" in words
