"""Pushing embeddings: a configuration per encoder and view, beside those that are there already."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.json_text import parse_json
from genoprot_evaluate.hub.cards import placed_section, word
from genoprot_evaluate.hub.commits import Content, Head, Pushed, hub_api, push_files, read_head, read_text
from genoprot_evaluate.hub.front_matter import read_front_matter, with_front_matter
from genoprot_evaluate.markdown import plain
from genoprot_evaluate.store import (
    MEASURED_NAME,
    RUN_NAME,
    damaged_file,
    finished_run,
    run_configs,
    run_folders,
)

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["embeddings_card", "local_runs", "push_embeddings"]

_CONFIG = re.compile(r"\w[\w.-]*")


def local_runs(folders: Sequence[str | Path]) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Finished runs of folders written by `genoprot embed` or holding such, whole by their checksums.

    Returns
    -------
    dict of str to (Path, dict)
        Folder and record of each configuration, by name.

    Raises
    ------
    GenoProtError
        If a folder holds no finished run, a file is damaged, or two runs have the same name.
    """
    found: dict[str, tuple[Path, dict[str, Any]]] = {}
    for folder in (Path(run) for given in folders for run in run_folders(str(given))):
        inside = [folder] if finished_run(folder) else [folder / name for name in run_configs(folder)]
        if not inside:
            raise SourceError(folder, "no finished run of `genoprot embed` here")
        for place in inside:
            record = finished_run(place)
            if (fault := damaged_file(place, record)) is not None:
                raise fault
            name = str(record.get("name", place.name))
            if not _CONFIG.fullmatch(name):
                raise SourceError(place / RUN_NAME, f"{name!r:.60} cannot name a configuration")
            if name in found:
                raise GenoProtError(f"{place}: {name} is in {found[name][0]} too; push one of them")
            found[name] = (place, record)
    return found


def push_embeddings(
    folders: Sequence[str | Path], repository: str, *, private: bool = False, dry_run: bool = False
) -> Pushed:
    """Add the runs of folders to a repository of embeddings, or put them in the place of older ones.

    Other configurations of the repository stay as they are; the card lists them all.

    Parameters
    ----------
    folders : sequence of path
        Written by `genoprot embed`, or holding such folders.
    repository : str
        Made when it is not there.
    private : bool
        Of a repository that is made.
    dry_run : bool
        Send nothing.

    Raises
    ------
    GenoProtError
        If a run is damaged, the runs are of different datasets, the repository holds embeddings of another
        dataset or something else, or the Hub refuses.
    """
    runs = local_runs(folders)
    api = hub_api()
    head = read_head(api, "dataset", repository)
    there = _remote_runs(api, head)
    _refuse_strangers(head, there)
    records = {**there, **{name: record for name, (_, record) in runs.items()}}
    _refuse_mixture(head, there, runs)
    content: dict[str, Content] = {}
    for name, (folder, record) in runs.items():
        content |= {f"{name}/{file}": folder / file for file in record["files"]}
        papers = [paper for paper in (RUN_NAME, MEASURED_NAME) if (folder / paper).is_file()]
        content |= {f"{name}/{paper}": folder / paper for paper in papers}
    card = embeddings_card(records, repository, read_text(api, head, "README.md"))
    content["README.md"] = card.encode()
    replaced = {
        path for path in head.files if path.split("/")[0] in runs and path.endswith((".parquet", ".json"))
    }
    fingerprint = next(iter(runs.values()))[1]["dataset"]["fingerprint"]
    return push_files(
        api,
        head,
        content,
        summary=f"Embeddings: {', '.join(sorted(runs))}",
        description=f"Dataset fingerprint {fingerprint}.",
        removed=replaced - set(content),
        create={"private": private},
        dry_run=dry_run,
    )


def embeddings_card(runs: Mapping[str, Mapping[str, Any]], repository: str, earlier: str | None) -> str:
    """The card of a repository of embeddings.

    Keys of the front matter that are not ours, other configurations, and text outside our section stay.

    Parameters
    ----------
    runs : mapping of str to mapping
        Records of the runs by configuration.
    repository : str
    earlier : str or None
        The card that is there.
    """
    first = runs[min(runs)]
    dataset = first["dataset"]
    template = Template(files(__package__).joinpath("embeddings_card.md").read_text(encoding="utf-8"))
    section = template.substitute(
        rows="\n".join(_row(name, runs[name]) for name in sorted(runs)),
        dataset=word(dataset["name"]),
        fingerprint=word(dataset["fingerprint"]),
        repository=repository,
        example=min(runs),
        commands="\n".join(_command(name, runs[name]) for name in sorted(runs)),
    )
    source = f"README.md of {repository}"
    present = read_front_matter(earlier or "", source)
    ours = [
        {"config_name": name, "data_files": [{"split": "train", "path": f"{name}/*.parquet"}]}
        for name in sorted(runs)
    ]
    theirs = [
        entry
        for entry in present.get("configs") or []
        if not (isinstance(entry, dict) and entry.get("config_name") in runs)
    ]
    changes: dict[str, Any] = {"configs": theirs + ours}
    changes |= {"tags": list(dict.fromkeys([*(present.get("tags") or []), *_TAGS]))}
    text = placed_section(earlier, section, "Embeddings for GENO-PROT")
    return with_front_matter(text, changes, source)


_TAGS = ("biology", "embeddings", "geno-prot")


def _row(name: str, run: Mapping[str, Any]) -> str:
    encoder = run["encoder"]
    licence = encoder.get("licence") or "see the source of the weights"
    cells = (encoder.get("title") or encoder["name"], run["view"], run["dimension"], run["rows"])
    rest = (encoder.get("readout", ""), licence)
    return f"| `{name}` | " + " | ".join(plain(cell) for cell in (*cells, *rest)) + " |"


def _command(name: str, run: Mapping[str, Any]) -> str:
    encoder = run["encoder"]
    weights = " --weights WEIGHTS" if encoder.get("weights_needed") else ""
    view = f" --modality {word(run['view'])}" if encoder.get("modality") == "both" else ""
    return (
        f"genoprot embed --encoder {word(encoder['name'])}{weights}{view} "
        f"--dataset {word(run['dataset']['name'])} --out embeddings/{name}"
    )


def _remote_runs(api: HfApi, head: Head) -> dict[str, dict[str, Any]]:
    """Records of the runs that are in the repository."""
    runs = {}
    for path in head.files:
        config, _, name = path.partition("/")
        if name == RUN_NAME and _CONFIG.fullmatch(config):
            try:
                record = parse_json(read_text(api, head, path))
                _row(config, record), _command(config, record), record["dataset"]["fingerprint"]
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise GenoProtError(
                    f"{head.what}: {path} is not the record of a run ({type(error).__name__}: {error})"
                ) from None
            runs[config] = record
    return runs


def _refuse_strangers(head: Head, there: Mapping[str, Any]) -> None:
    data = sorted(path for path in head.files if path.endswith((".parquet", ".csv", ".json", ".arrow")))
    if data and not there:
        raise GenoProtError(
            f"{head.what}: holds {data[0]} and no embeddings of GENO-PROT; name another repository"
        )


def _refuse_mixture(
    head: Head, there: Mapping[str, Any], runs: Mapping[str, tuple[Path, Mapping[str, Any]]]
) -> None:
    """All configurations of a repository are of one dataset."""
    made_from = {name: record["dataset"]["fingerprint"] for name, (_, record) in runs.items()}
    first, wanted = next(iter(made_from.items()))
    for name, fingerprint in made_from.items():
        if fingerprint != wanted:
            raise GenoProtError(
                f"{name} was made from dataset {fingerprint[:12]}, {first} from {wanted[:12]}; "
                "push them to different repositories"
            )
    for name, record in there.items():
        other = str(record["dataset"]["fingerprint"])
        if name not in runs and other != wanted:
            raise GenoProtError(
                f"{head.what}: its {name} was made from dataset {other[:12]}, {first} from {wanted[:12]}; "
                "push to another repository, or all of its encoders anew"
            )
