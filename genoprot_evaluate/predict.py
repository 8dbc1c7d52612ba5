"""Applies a saved head to new records or pairs; the subcommand `genoprot predict`."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import atomic_file
from genoprot_datasets.tasks import TASKS, get_task
from genoprot_evaluate.heads import SavedHead, find_head, load_head, scored_orders, vectors_origin
from genoprot_evaluate.store import EmbeddingTable, load_embeddings

__all__ = ["add_arguments", "predict", "read_members", "run"]

_DELIMITERS = {".tsv": "\t", ".csv": ","}
_NAMES = {"encoder_name": "encoder", "view": "view", "weights": "weights", "readout": "readout"}


def predict(
    head: str | Path | SavedHead, embeddings: Any, examples: pa.Table, device: str = "cpu"
) -> pa.Table:
    """Answer the question of a head's task for records or pairs.

    Parameters
    ----------
    head : path or SavedHead
        A file that `genoprot evaluate --save-heads` wrote, or what `heads.find_head` found.
    embeddings : source
        Vectors of the same encoder, anything that `store.load_embeddings` takes.
    examples : pyarrow.Table
        With the columns `accession_a` and `accession_b`, or `accession` for a question about one record.
    device : str

    Returns
    -------
    pyarrow.Table
        The accessions, `probability` (float64, of yes) and `predicted` (int8, 1 where it is above one half).

    Raises
    ------
    GenoProtError
        If a column or a vector is missing, or the vectors are not those of the head's encoder.
    """
    saved = head if isinstance(head, SavedHead) else load_head(head)
    columns = get_task(saved.origin["task"]).members
    missing = [name for name in columns if name not in examples.column_names]
    if missing:
        there = ", ".join(examples.column_names)
        raise GenoProtError(f"task {saved.origin['task']}: no column {', '.join(missing)} among {there}")
    table = load_embeddings(embeddings)
    _check_encoder(saved, table)
    rows = np.stack([table.rows(examples[name].to_pylist()) for name in columns], axis=1)
    scored = [scored_orders(saved.head, table.vectors, rows, device=device)] if len(rows) else []
    probability = scored[0].mean(axis=0) if scored else np.empty(0)
    found = {name: examples[name] for name in columns}
    found |= {"probability": probability, "predicted": pa.array((probability > 0.5).astype(np.int8))}
    return pa.table(found)


def read_members(path: str | Path, columns: tuple[str, ...], known: frozenset[str] | None = None) -> pa.Table:
    """Read the accessions of examples from a text file with a header.

    Parameters
    ----------
    path : path
        Ends in ``.tsv`` or ``.csv``.
    columns : tuple of str
        Columns to read; others are left alone.
    known : frozenset of str, optional
        Accessions that can be named.

    Raises
    ------
    SourceError
        If the file cannot be read, a column is missing, a line has too few fields, or an accession is empty
        or not known; the message has the number of the line.
    """
    path = Path(path)
    delimiter = _delimiter(path)
    found: dict[str, list[str]] = {name: [] for name in columns}
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            for line, fields in _lines(path, csv.reader(handle, delimiter=delimiter, strict=True), columns):
                for name, accession in zip(columns, fields):
                    if not accession:
                        raise SourceError(path, f"column {name} is empty", line=line)
                    if known is not None and accession not in known:
                        raise SourceError(path, f"the embeddings have no accession {accession!r}", line=line)
                    found[name].append(accession)
    except FileNotFoundError:
        raise SourceError(path, "not found") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(path, f"not readable ({error})") from None
    return pa.table({name: pa.array(values, pa.string()) for name, values in found.items()})


def _lines(path: Path, reader: Any, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    try:
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in columns if name not in header]
        if missing:
            raise SourceError(
                path,
                f"no column {', '.join(missing)}; the header has {', '.join(header) or 'nothing'}",
                line=1,
            )
        places = [header.index(name) for name in columns]
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(header):
                raise SourceError(
                    path, f"{len(fields)} fields, but the header has {len(header)}", line=reader.line_num
                )
            yield reader.line_num, [fields[place].strip() for place in places]
    except csv.Error as error:
        raise SourceError(path, str(error), line=reader.line_num) from None


def _delimiter(path: Path) -> str:
    if path.suffix not in _DELIMITERS:
        raise GenoProtError(f"{path}: expected a name that ends in {' or '.join(_DELIMITERS)}")
    return _DELIMITERS[path.suffix]


def _check_encoder(saved: SavedHead, table: EmbeddingTable) -> None:
    encoder = saved.origin["encoder"]
    if table.dimension != len(saved.head.mean):
        raise GenoProtError(
            f"the head was trained on vectors of {encoder!r} with {len(saved.head.mean)} columns; embeddings "
            f"{table.name!r} have {table.dimension}"
        )
    for key, found in vectors_origin(table.run).items():
        wanted = saved.origin.get(key)
        if None not in (wanted, found) and wanted != found:
            raise GenoProtError(
                f"the head was trained on vectors of {encoder!r} with {_NAMES[key]} {str(wanted):.24}; "
                f"embeddings {table.name!r} have {str(found):.24}; embed with the same encoder"
            )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot predict`."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--head", metavar="FILE", help="a file below evaluate's --save-heads")
    where.add_argument(
        "--heads",
        metavar="DIR",
        help="the folder of --save-heads, or USER/NAME or USER/NAME@REVISION on the Hub",
    )
    parser.add_argument(
        "--task", choices=TASKS, metavar="TASK", help="of the head, where --heads has several"
    )
    parser.add_argument(
        "--encoder",
        metavar="NAME",
        help="of the head, where --heads has several; default: that of --embeddings",
    )
    parser.add_argument(
        "--embeddings",
        required=True,
        metavar="DIR",
        help="vectors of the encoder that the head was trained on; a folder or USER/NAME:CONFIG on the Hub",
    )
    parser.add_argument(
        "--pairs",
        required=True,
        metavar="FILE",
        help="FILE.tsv or FILE.csv with columns accession_a and accession_b, or accession for melanoma",
    )
    parser.add_argument("--out", required=True, metavar="FILE", help="FILE.tsv or FILE.csv to write")
    parser.add_argument("--device", default="cpu", help="where to compute; default: cpu")


def run(args: argparse.Namespace) -> int:
    """Run `genoprot predict`."""
    out = Path(args.out)
    delimiter = _delimiter(out)
    if args.head is not None and (args.task or args.encoder):
        raise GenoProtError("--task and --encoder choose among --heads; --head names one file")
    table = load_embeddings(args.embeddings)
    if args.head is not None:
        saved = load_head(args.head)
    else:
        saved = find_head(args.heads, args.task, args.encoder or table.name)
    _check_encoder(saved, table)
    columns = get_task(saved.origin["task"]).members
    examples = read_members(args.pairs, columns, frozenset(table.accessions))
    found = predict(saved, table, examples, args.device)
    with atomic_file(out) as staging, open(staging, "w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, delimiter=delimiter, lineterminator="\n")
        writer.writerow(found.column_names)
        writer.writerows(zip(*(column.to_pylist() for column in found.columns)))
    yes = int(np.sum(found["predicted"].to_numpy()))
    print(f"{get_task(saved.origin['task']).question}")
    print(f"yes for {yes:,} of {len(found):,}, written to {out}")
    return 0
