"""Which tasks are meant: by name, by group, or the list of them."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genoprot_datasets.published import MANIFEST_NAME, PublishedDataset
from genoprot_datasets.tasks import GROUPS, TASKS, get_task

__all__ = ["LISTED", "add_tasks_argument", "named_tasks", "task_list"]

LISTED = "list"
"""What is given for a task to see which there are."""

_WIDTH = 110


def named_tasks(names: Sequence[str]) -> tuple[str, ...]:
    """Tasks by their names or those of their groups, in the order of the paper.

    Raises
    ------
    GenoProtError
        If there is no such task or group.

    Examples
    --------
    >>> named_tasks(["drug", "functional"])
    ('function', 'ppi', 'pathway', 'drug')
    """
    wanted = {name if name in GROUPS else get_task(name).name for name in names}
    return tuple(name for name, spec in TASKS.items() if name in wanted or spec.group in wanted)


def task_list(manifest: Mapping[str, Any] | None = None) -> str:
    """The tasks by group with their questions; with the numbers of examples where a manifest is given."""
    lines = []
    for group, title in GROUPS.items():
        lines.append(f"{group}: {title}")
        for spec in TASKS.values():
            if spec.group != group:
                continue
            words = spec.question
            if manifest is not None and spec.name in manifest["tasks"]:
                found = manifest["tasks"][spec.name]
                held = found["eval"]
                words += f" [train 2 x {found['train']['per_class']:,}, "
                words += f"eval {held['samples']} x 2 x {held['per_class']:,}]"
            elif manifest is not None:
                words += f" Left out: {manifest['left_out'].get(spec.name, 'not built')}"
            lines += textwrap.wrap(f"  {spec.name:<14}{words}", _WIDTH, subsequent_indent=" " * 16)
    return "\n".join(lines)


def add_tasks_argument(parser: argparse.ArgumentParser) -> None:
    """Argument ``--tasks``: tasks or groups, or `LISTED` to see which there are; None by default."""
    parser.add_argument(
        "--tasks",
        nargs="+",
        action=_TaskNames,
        metavar="TASK",
        help=f"tasks, or groups of them ({', '.join(GROUPS)}); `{LISTED}` tells about them; default: all of "
        + " ".join(TASKS),
    )


class _TaskNames(argparse.Action):
    """Takes names of tasks; prints the tasks and ends the program where `LISTED` is among them.

    The examples are told of the local folder that ``--dataset`` names, when it comes before.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Sequence[str],
        option_string: str | None = None,
    ) -> None:
        if LISTED not in values:
            setattr(namespace, self.dest, list(values))
            return
        named = namespace.dataset
        here = named is not None and (Path(named) / MANIFEST_NAME).is_file()
        print(task_list(PublishedDataset.open(named).manifest if here else None))
        parser.exit()
