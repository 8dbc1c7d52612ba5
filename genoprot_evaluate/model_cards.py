"""Model cards: one page for each encoder, from its facts and one template; `genoprot cards`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from string import Template
from typing import Any

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import atomic_file
from genoprot_datasets.resources import loading_script
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.comparison import lifts
from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.registry import REGISTRY
from genoprot_evaluate.grids import format_lift
from genoprot_evaluate.markdown import plain
from genoprot_evaluate.results import ResultRecord, Score, read_record
from genoprot_evaluate.tables import percent

__all__ = ["TEMPLATE_NAME", "add_arguments", "card_faults", "render_cards", "run", "write_cards"]

TEMPLATE_NAME = "template.md"

_HUB_LICENCES = ("apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0")
_HUB_ID = re.compile(r"huggingface\.co/([\w.-]+/[\w.-]+)|^([\w.-]+/[\w.-]+) of huggingface\.co")
_READS = {
    "dna": (
        "DNA of a gene, from its start to its stop codon, introns included",
        "bases",
        ["genomics", "dna"],
    ),
    "protein": ("proteins", "residues", ["proteomics", "protein"]),
    "both": (
        "DNA, proteins, or both, as `--modality` says",
        "letters",
        ["genomics", "dna", "proteomics", "protein"],
    ),
}
_ONE_MODALITY = {
    "dna": "What is outside the coding region's span, such as promoters, is not read.",
    "protein": "What the gene has beyond the protein, such as introns, is not read.",
    "both": "A run embeds one of the two modalities, or joins their two vectors.",
}


def render_cards(record: ResultRecord | None = None) -> dict[str, str]:
    """Text of the card of every built-in encoder.

    Parameters
    ----------
    record : ResultRecord, optional
        Scores to show on the cards of the encoders that it holds.

    Returns
    -------
    dict of str to str
        Markdown with YAML front matter by file name, in the order of the registry.
    """
    path = loading_script("geno-prot").parents[1] / "model_cards" / TEMPLATE_NAME
    if not path.is_file():
        raise GenoProtError(f"{path}: not found; reinstall geno-prot")
    template = Template(path.read_text(encoding="utf-8"))
    cards = {}
    for name, (module, attribute) in REGISTRY.items():
        family = getattr(import_module(module), attribute)
        cards[f"{name}.md"] = _card(template, family.spec, hasattr(family, "window_counts"), record)
    return cards


def card_faults(folder: str | Path, cards: Mapping[str, str]) -> list[str]:
    """What is wrong with a folder of cards: one line for each that is missing, stale or of no encoder.

    Parameters
    ----------
    folder : str or Path
    cards : mapping of str to str
        As `render_cards` gives them.
    """
    folder = Path(folder)
    faults = []
    for name, text in cards.items():
        path = folder / name
        if not path.is_file():
            faults.append(f"{path}: missing")
        elif path.read_bytes() != _encoded(text):
            faults.append(f"{path}: stale")
    strangers = sorted({path.name for path in folder.glob("*.md")} - {TEMPLATE_NAME, *cards})
    return faults + [f"{folder / name}: of no encoder" for name in strangers]


def write_cards(folder: str | Path, cards: Mapping[str, str]) -> list[Path]:
    """Write the cards that are missing or stale.

    Returns
    -------
    list of Path
        The cards that were written.

    Raises
    ------
    GenoProtError
        If the folder is a file.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise GenoProtError(f"{folder}: exists and is not a folder")
    written = []
    for name, text in cards.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != _encoded(text):
            with atomic_file(path) as staging:
                staging.write_bytes(_encoded(text))
            written.append(path)
    return written


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot cards`."""
    parser.add_argument(
        "--out", default="model_cards", metavar="DIR", help="folder of the cards; default: model_cards"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; name cards that are not fresh")
    parser.add_argument(
        "--results", metavar="DIR", help="folder written by `genoprot evaluate`, for a section of scores"
    )


def run(args: argparse.Namespace) -> int:
    """Run `genoprot cards`; with ``--check`` 1 when a card is missing, stale or of no encoder."""
    cards = render_cards(read_record(args.results) if args.results else None)
    if not args.check:
        written = write_cards(args.out, cards)
        print(f"{len(cards)} cards in {args.out}, {len(written)} of them written anew")
    faults = card_faults(args.out, cards)
    for fault in faults:
        print(fault)
    if args.check:
        print(f"{len(cards)} cards in {args.out}, {'all fresh' if not faults else 'run `genoprot cards`'}")
    return 1 if args.check and faults else 0


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _card(template: Template, spec: EncoderSpec, splits_itself: bool, record: ResultRecord | None) -> str:
    reads, unit, _ = _READS[spec.modality]
    unit = "tokens" if splits_itself else unit
    unstated, weights = "none", "none needed"
    if spec.weights_needed:
        unstated = "not stated"
        weights = f"{_linked(spec.source)}; `WEIGHTS` below is a folder or file of them"
    return template.substitute(
        front_matter=_front_matter(spec),
        name=spec.name,
        title=spec.title,
        reads=reads,
        dimension=f"{spec.dimension:,}",
        readout=spec.readout,
        context=f"{spec.context:,} {unit}" if spec.context else "any length",
        parameters=f"{spec.parameters:,}" if spec.parameters else unstated,
        weights=weights,
        licence=spec.licence,
        training=spec.training or "none",
        commands=_commands(spec),
        limits="\n".join(f"* {limit}" for limit in _limits(spec, unit)),
        scores=_scores(spec, record),
        citation=f"{spec.citation}, for the model.\n\n" if spec.citation else "",
    )


def _front_matter(spec: EncoderSpec) -> str:
    import yaml

    licence = spec.licence.lower()
    content: dict[str, Any] = {"license": licence}
    if licence not in _HUB_LICENCES:
        content = {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", licence).strip("-")}
    content |= {
        "library_name": "geno-prot",
        "pipeline_tag": "feature-extraction",
        "tags": ["biology", *_READS[spec.modality][2], "embeddings", "geno-prot"],
    }
    if repository := _repository(spec.source):
        content["base_model"] = repository
    return yaml.safe_dump(content, sort_keys=False).rstrip()


def _repository(source: str) -> str | None:
    """Hub id of the repository that holds the weights."""
    found = _HUB_ID.search(source)
    return next(filter(None, found.groups())) if found else None


def _linked(source: str) -> str:
    repository = _repository(source)
    if repository is None:
        return re.sub(
            r"github\.com/[\w.-]+/[\w.-]+", lambda found: f"[{found[0]}](https://{found[0]})", source
        )
    url = f"[{repository}](https://huggingface.co/{repository})"
    rest = _HUB_ID.sub("", source)
    return url + rest


def _commands(spec: EncoderSpec) -> str:
    weights = " --weights WEIGHTS" if spec.weights_needed else ""
    modality = " --modality protein" if spec.modality == "both" else ""
    out = f"embeddings/{spec.name}"
    return "\n".join(
        [
            f"genoprot check-encoder {spec.name}{weights}{modality}",
            f"genoprot embed --encoder {spec.name}{weights}{modality} --dataset llnl/geno-prot --out {out}",
            f"genoprot evaluate --dataset llnl/geno-prot --embeddings {out} --out results/",
        ]
    )


def _limits(spec: EncoderSpec, unit: str) -> list[str]:
    limits = ["A vector is no prediction: a head has to be trained on it.", _ONE_MODALITY[spec.modality]]
    if spec.context:
        limits.append(
            f"A sequence of more than {spec.context:,} {unit} is read in overlapping pieces, and their "
            "vectors are averaged by what each contributes: nothing is cut off, but no piece sees the others."
        )
    if spec.parameters and spec.parameters >= 10**8:
        limits.append(f"The weights take {4 * spec.parameters / 1e9:.1f} GB in float32.")
    if spec.weights_needed:
        limits.append(
            f"It was trained on {spec.training}. Sequences of the benchmark, or what is known of them, may "
            "be among that; the scores make no allowance for it."
        )
    if "-NC" in spec.licence or "Non-Commercial" in spec.licence:
        limits.append(f"The licence of the weights, {spec.licence}, forbids commercial use.")
    return limits


def _scores(spec: EncoderSpec, record: ResultRecord | None) -> str:
    """Sections of scores; nothing for an encoder that the record does not hold."""
    views = [f"{spec.name}-{view}" for view in ("dna", "protein", "both")] if spec.modality == "both" else []
    held = record.models_of("encoder") if record else ()
    return "".join(_section(name, record) for name in [spec.name, *views] if name in held)


def _section(name: str, record: ResultRecord) -> str:
    lines = ["| task | accuracy | 95% interval | best baseline | lift | AUROC |", "|---" + "|---:" * 5 + "|"]
    for task in record.tasks:
        score = record.scores[task][name]
        auroc = score.auroc and score.auroc.mean
        cells = [
            TASKS[task].title,
            percent(score) + (f" ({plain(score.reason)})" if score.reason else ""),
            _interval(score),
            _best_baseline(record, task),
            _lift(name, record, task),
            "" if auroc is None else f"{auroc:.3f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    table, dataset = "\n".join(lines), plain(str(record.dataset["name"]))
    return (
        f"\n## Scores of {name}\n\nAccuracy in percent on {dataset}, mean ± standard deviation "
        f"over the eval samples, of a head trained with seed {record.seed}; the interval is from resampled "
        f"proteins. The lift over the best baseline is in points and, in brackets, in standard errors.\n\n"
        f"{table}\n"
    )


def _lift(name: str, record: ResultRecord, task: str) -> str:
    lift = lifts(record, task).get(name)
    return "" if lift is None else format_lift(lift)


def _interval(score: Score) -> str:
    if score.interval is None:
        return ""
    return f"{100 * score.interval.low:.1f} to {100 * score.interval.high:.1f}"


def _best_baseline(record: ResultRecord, task: str) -> str:
    scored = [
        score
        for name in record.models_of("baseline")
        if (score := record.scores[task][name]).accuracy is not None and score.accuracy.mean is not None
    ]
    return percent(max(scored, key=lambda score: score.accuracy.mean)) if scored else "N/A"
