"""The `evaluate` module of GENO-PROT: a shell over `genoprot_evaluate.evaluation.evaluate`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets

# Each on a line of its own: after `from evaluate import Metric` the loader would pick the base class.
import evaluate

# evaluate's loader reads what follows `From:` as the name of the distribution to install.
from genoprot_evaluate import evaluation  # From: geno-prot
from genoprot_evaluate.heads import HeadConfig  # From: geno-prot

__all__ = ["Genoprot"]

_DESCRIPTION = """\
GENO-PROT asks whether an encoder of DNA or protein sequences knows what a gene's product does: nine yes/no
questions about one gene or a pair of genes. A small head is trained on the encoder's vectors for each
question; accuracy is reported over ten evaluation samples, beside ensembles and baselines.
"""

_CITATION = """\
Wakim, Gupta, Marti, Allen, Bartoldson, Kailkhura. Benchmarking Biomolecular Foundation Models for Cross-Modal
Genomics-Proteomics. NeurIPS 2025 Workshop on Multi-modal Foundation Models and Large Language Models for Life
Sciences.
"""

_INPUTS = """
Parameters
----------
embeddings : mapping of str to source
    One source of vectors per model name: a folder written by `genoprot embed`, ``USER/NAME:CONFIG`` on the
    Hub, a ``{accession: vector}`` dict, ``(accessions, matrix)``, a `datasets.Dataset` with columns
    `accession` and `embedding`, or a matrix of shape (n, d) whose rows are those of `accessions`.
accessions : sequence of str, optional
    UniProt accessions of the rows of every plain matrix; those given to `add` and `add_batch` go before.
dataset : str or path
    Folder written by `genoprot build`, or a Hub id.
tasks : sequence of str, optional
    All tasks of the dataset when left out.
members : sequence of str, optional
    Models that vote in the ensembles.
baselines : iterable of str
    All when left out; an empty list leaves them away.
seed : int
head : genoprot_evaluate.heads.HeadConfig, optional
validation : {"pairs", "proteins"}, optional
    What is held out of train to stop early, whatever `head` says of it.
seeds : int, optional
    Heads per cell, whatever `head` says of it; the first counts, the others show the spread.
symmetric : bool, optional
    Whether a pair is scored in both orders and the probabilities are averaged, whatever `head` says of it.
device : str
    Where heads are trained, as torch names it.
missing : {"refuse", "mark", "drop"}
    What to do where vectors lack proteins that a task needs: raise, mark the cell N/A, or drop the examples
    concerned for all models.
missing_share : float
    Share of the proteins that may be missing where examples are dropped.
train_species, eval_species : sequence of int
    NCBI taxon ids of the species whose train and eval examples count; all when left out.

Returns
-------
dict
    The result record, as `genoprot evaluate` writes it to `results.json`.

Examples
--------
>>> metric = evaluate.load("genoprot")
>>> report = metric.compute(embeddings={"my-model": "embeddings/my-model"}, tasks=["ppi"])
>>> report["scores"]["ppi"]["my-model"]["accuracy"]["mean"]
"""


class Genoprot(evaluate.Metric):
    """Accuracy of encoders on the tasks of GENO-PROT."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"accessions": datasets.Value("string")}),
            license="Apache-2.0",
        )

    def compute(
        self,
        *,
        embeddings: Mapping[str, Any],
        accessions: Sequence[str] | None = None,
        dataset: str | Path = "llnl/geno-prot",
        tasks: Sequence[str] | None = None,
        members: Sequence[str] | None = None,
        baselines: Iterable[str] = evaluation.DEFAULT_BASELINES,
        seed: int = 0,
        head: HeadConfig | None = None,
        validation: str | None = None,
        seeds: int | None = None,
        symmetric: bool | None = None,
        device: str = "cpu",
        missing: str = "refuse",
        missing_share: float = evaluation.MISSING_SHARE,
        train_species: Sequence[int] = (),
        eval_species: Sequence[int] = (),
    ) -> dict[str, Any] | None:
        """Score encoders; None in every process but the first."""
        chosen = {"validation": validation, "seeds": seeds, "symmetric": symmetric}
        chosen = {name: value for name, value in chosen.items() if value is not None}
        options = {
            "embeddings": embeddings,
            "dataset": dataset,
            "tasks": tasks,
            "members": members,
            "baselines": baselines,
            "seed": seed,
            "head": replace(head or HeadConfig(), **chosen),
            "device": device,
            "missing": missing,
            "missing_share": missing_share,
            "species": {"train": tuple(train_species), "eval": tuple(eval_species)},
        }
        if len(self):
            return super().compute(accessions=accessions, **options)
        # The base class refuses to compute when no features were added.
        return self._compute(accessions=accessions, **options) if self.process_id == 0 else None

    def _compute(
        self, *, accessions: Sequence[str] | None, embeddings: Mapping[str, Any], **options: Any
    ) -> dict[str, Any]:
        if accessions is not None and isinstance(embeddings, Mapping):
            rows = list(accessions)
            embeddings = {
                name: (rows, source) if hasattr(source, "__array__") else source
                for name, source in embeddings.items()
            }
        return evaluation.evaluate(embeddings, **options).to_dict()
