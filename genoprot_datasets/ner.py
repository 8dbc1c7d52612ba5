"""Training of a recogniser of anatomical sites on the BioNLP13CG corpus."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genoprot_datasets.anatomy import is_anatomical
from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import atomic_folder, sha256_of
from genoprot_datasets.seeding import integer_seed
from genoprot_datasets.sources.text import open_text

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.training import Example

__all__ = ["NerConfig", "Sentence", "add_arguments", "read_iob", "run", "train_recogniser"]

_SPLITS = ("train", "devel", "test")


@dataclass(frozen=True)
class Sentence:
    """One annotated sentence.

    Parameters
    ----------
    tokens : tuple of str
    tags : tuple of str
        ``O``, ``B-TYPE`` for the first token of an entity and ``I-TYPE`` for its further ones.
    """

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class NerConfig:
    """Size of the network and how it is trained; the pipeline's meta records them.

    Parameters
    ----------
    width, depth : int
        Channels and convolutions of the token encoder.
    dropout, learning_rate : float
    batch_words : int
        Words per batch, from a tenth of which the batches grow.
    steps : int
        Most updates.
    patience : int
        Passes over the train split without a better F1 on the devel split, after which training stops.
    """

    width: int = 96
    depth: int = 4
    dropout: float = 0.2
    learning_rate: float = 0.001
    batch_words: int = 1_000
    steps: int = 4_000
    patience: int = 5


def read_iob(path: str | Path) -> list[Sentence]:
    """Read a file of one token and its tag per line, separated by a tab, with blank lines between sentences.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    list of Sentence

    Raises
    ------
    SourceError
        If a line has not two columns, a tag is not of the IOB scheme, an entity continues that did not
        begin, or there is no sentence; the message names the line.

    References
    ----------
    Pyysalo et al., "Overview of the Cancer Genetics (CG) task of BioNLP Shared Task 2013", BioNLP 2013.
    """
    sentences: list[Sentence] = []
    tokens: list[str] = []
    tags: list[str] = []
    with open_text(path) as lines:
        for number, line in enumerate(itertools.chain(lines, [""]), start=1):
            columns = line.rstrip("\n").split("\t")
            if columns == [""]:
                if tokens:
                    sentences.append(Sentence(tuple(tokens), tuple(tags)))
                tokens, tags = [], []
                continue
            if len(columns) != 2 or not columns[0].strip():
                raise SourceError(path, f"expected a token, a tab and a tag, found {line!r}", line=number)
            token, tag = columns
            kind, _, label = tag.partition("-")
            if tag != "O" and not (kind in {"B", "I"} and label):
                raise SourceError(path, f"expected O, B-TYPE or I-TYPE, found {tag!r}", line=number)
            if kind == "I" and (not tags or tags[-1] not in {f"B-{label}", f"I-{label}"}):
                raise SourceError(path, f"{tag} continues an entity that did not begin", line=number)
            tokens.append(token)
            tags.append(tag)
    if not sentences:
        raise SourceError(path, "holds no sentence")
    return sentences


def train_recogniser(
    corpus: str | Path,
    out: str | Path,
    *,
    seed: int = 0,
    config: NerConfig | None = None,
    show_progress: bool = False,
) -> dict[str, Any]:
    """Train a spaCy pipeline on a corpus and write its folder.

    The token encoder hashes each word's norm, prefix, suffix and shape, so that no vectors are needed. The
    weights are running averages; those with the best F1 on the devel split are kept. On one machine the
    same arguments give the same bytes.

    Parameters
    ----------
    corpus : str or Path
        Folder with ``train.tsv``, ``devel.tsv`` and ``test.tsv``, read by `read_iob`.
    out : str or Path
        Folder to write; it appears when it is complete, and ``spacy.load`` opens it.
    seed : int
        Not negative.
    config : NerConfig, optional
    show_progress : bool
        Print a line per pass over the train split to standard error.

    Returns
    -------
    dict
        What the pipeline's meta records: ``corpus`` (SHA-256 per file), ``seed``, ``config``, ``stopped``
        (updates and passes of the weights that were kept) and ``scores`` of both held-out splits, each
        with ``all``, ``anatomical`` and ``types``, where an entity counts when its span and type are
        exactly those of the corpus.

    Raises
    ------
    GenoProtError
        If spaCy is not installed, the corpus is malformed, or an argument is out of range.
    """
    config = config or NerConfig()
    if seed < 0:
        raise GenoProtError(f"seed: expected a number from 0 up, found {seed}")
    if config.steps < 1:
        raise GenoProtError(f"steps: expected a number from 1 up, found {config.steps}")
    paths = {split: Path(corpus) / f"{split}.tsv" for split in _SPLITS}
    sentences = {split: read_iob(path) for split, path in paths.items()}
    if not any(tag != "O" for sentence in sentences["train"] for tag in sentence.tags):
        raise SourceError(paths["train"], "annotates no entity; every tag is O")
    spacy = _spacy()
    spacy.util.fix_random_seed(integer_seed(seed, "ner"))
    pipeline = _blank_pipeline(spacy, config)
    train, devel, test = (_examples(pipeline, sentences[split]) for split in _SPLITS)
    with atomic_folder(out) as staging:
        stopped = _fit(
            pipeline, train, devel, config, random.Random(integer_seed(seed, "ner order")), show_progress
        )
        record = {
            "corpus": {path.name: sha256_of(path) for path in paths.values()},
            "seed": seed,
            "config": asdict(config),
            "stopped": stopped,
            "scores": {"devel": _score(pipeline, devel), "test": _score(pipeline, test)},
        }
        weights = hashlib.sha256(pipeline.to_bytes(exclude=["meta"])).hexdigest()
        pipeline.meta.update(
            name="ner_bionlp13cg",
            version=f"1.0.0+{weights[:12]}",
            description="Entities of the BioNLP13CG corpus, recognised from hashed word forms",
            license="CC BY-SA 3.0",
            training=record,
        )
        pipeline.to_disk(staging)
    return record


def _spacy() -> Any:
    try:
        import spacy
    except ImportError:
        raise GenoProtError("train-ner needs spaCy; install `geno-prot[ner]`") from None
    return spacy


def _blank_pipeline(spacy: Any, config: NerConfig) -> Language:
    pipeline = spacy.blank("en")
    embed = {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": config.width,
        "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
        "rows": [5_000, 2_000, 2_000, 2_000],
        "include_static_vectors": False,
    }
    encode = {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": config.width,
        "depth": config.depth,
        "window_size": 1,
        "maxout_pieces": 3,
    }
    model = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 64,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": encode},
    }
    pipeline.add_pipe("ner", config={"model": model})
    return pipeline


def _examples(pipeline: Language, sentences: Sequence[Sentence]) -> list[Example]:
    from spacy.tokens import Doc
    from spacy.training import Example

    return [
        Example(
            Doc(pipeline.vocab, words=list(sentence.tokens)),
            Doc(pipeline.vocab, words=list(sentence.tokens), ents=list(sentence.tags)),
        )
        for sentence in sentences
    ]


def _fit(
    pipeline: Language,
    train: Sequence[Example],
    devel: Sequence[Example],
    config: NerConfig,
    order: random.Random,
    show_progress: bool,
) -> dict[str, int]:
    """Train the pipeline in place, up to the weights that are best on the devel split."""
    from thinc.api import Adam

    started = time.perf_counter()
    pipeline.initialize(lambda: train)
    optimiser = Adam(config.learning_rate, L2=0.01, grad_clip=1.0)
    best: tuple[float, dict[str, int], bytes] | None = None
    steps = 0
    for epoch in itertools.count(1):
        for batch in _batches(train, config, steps, order):
            pipeline.update(batch, sgd=optimiser, drop=config.dropout)
            steps += 1
        with pipeline.use_params(optimiser.averages):
            score = _score(pipeline, devel)["all"]["f1"]
            if best is None or score > best[0]:
                best = (score, {"steps": steps, "epochs": epoch}, pipeline.to_bytes())
        if show_progress:
            seconds = time.perf_counter() - started
            print(
                f"pass {epoch:3}  {steps:6,} steps  {seconds:6.0f} s  devel F1 {score:.4f}", file=sys.stderr
            )
        if steps >= config.steps or epoch - best[1]["epochs"] >= config.patience:
            break
    pipeline.from_bytes(best[2])
    return best[1]


def _batches(
    examples: Sequence[Example], config: NerConfig, done: int, order: random.Random
) -> Iterator[list[Example]]:
    """One pass over the examples in random order, or what is left of the steps."""
    from spacy.training.batchers import minibatch_by_words

    shuffled = order.sample(examples, len(examples))
    sizes = (min(config.batch_words, config.batch_words / 10 * 1.001**step) for step in itertools.count(done))
    batches = minibatch_by_words(shuffled, size=sizes, discard_oversize=False)
    return itertools.islice(batches, config.steps - done)


def _score(pipeline: Language, examples: Sequence[Example]) -> dict[str, Any]:
    """Precision, recall and F1 of whole entities: of all types, of the anatomical ones, and of each."""
    from spacy.scorer import Scorer
    from spacy.tokens import Doc
    from spacy.training import Example

    unseen = [Doc(pipeline.vocab, words=[token.text for token in e.reference]) for e in examples]
    found = [Example(doc, e.reference) for doc, e in zip(pipeline.pipe(unseen), examples)]

    def anatomical(document: Doc, _: str) -> list[Any]:
        return [entity for entity in document.ents if is_anatomical(entity.label_)]

    every = Scorer.score_spans(found, "ents")
    types = every["ents_per_type"] or {}
    return {
        "all": _prf(every, "ents_"),
        "anatomical": _prf(Scorer.score_spans(found, "ents", getter=anatomical), "ents_"),
        "types": {label: _prf(types[label], "") for label in sorted(types)},
    }


def _prf(scores: Mapping[str, Any], prefix: str) -> dict[str, float]:
    names = {"precision": "p", "recall": "r", "f1": "f"}
    return {name: float(scores[prefix + letter] or 0.0) for name, letter in names.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot train-ner`."""
    parser.add_argument(
        "--corpus", required=True, metavar="DIR", help="folder of train.tsv, devel.tsv and test.tsv"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="pipeline folder to write")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--steps",
        type=int,
        default=NerConfig.steps,
        metavar="N",
        help=f"most updates; default: {NerConfig.steps}",
    )


def run(args: argparse.Namespace) -> int:
    """Run `genoprot train-ner`."""
    config = NerConfig(steps=args.steps)
    record = train_recogniser(args.corpus, args.out, seed=args.seed, config=config, show_progress=True)
    print(_table(record["scores"]["test"]))
    print(f"written to {args.out}; use it with `genoprot build --recogniser spacy:{args.out}`")
    return 0


def _table(scores: Mapping[str, Any]) -> str:
    """Scores of the test split as text."""
    rows = {"all types": scores["all"], "anatomical types": scores["anatomical"], **scores["types"]}
    lines = [f"{'test split, exact span and type':<34}{'precision':>10}{'recall':>10}{'F1':>10}"]
    for label, row in rows.items():
        name = f"{label} *" if is_anatomical(label) else label
        lines.append(f"{name:<34}" + "".join(f"{row[key]:>10.4f}" for key in ("precision", "recall", "f1")))
    lines.append("* anatomical: types that `genoprot build` counts as sites")
    return "\n".join(lines)
