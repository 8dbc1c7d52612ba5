"""What the sources leave open about the labels of the tasks, and how the command line asks."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.relations import STRONG_EFFECT, Go2VecConfig
from genoprot_datasets.sources.ligands import DTI_CLASSES
from genoprot_datasets.sources.stringdb import CHANNELS
from genoprot_datasets.sources.uniprot import MIM_TYPES

__all__ = [
    "LOCATION_LEVELS",
    "PATHWAY_LEVELS",
    "LabelOptions",
    "add_label_arguments",
    "label_options",
]

LOCATION_LEVELS = ("full", "compartment")
"""How much of a location's name counts: all of ``Cytoplasm, cytoskeleton``, or what is before the comma."""

PATHWAY_LEVELS = ("lowest", "all")
"""The pathways to which Reactome assigns a protein, or these and all that contain them."""


@dataclass(frozen=True)
class LabelOptions:
    """Choices that the sources leave open; the manifest records them.

    Attributes
    ----------
    location_level : {"full", "compartment"}
    location_topology : bool
        Whether topologies and orientations (``Single-pass membrane protein``, ``Cytoplasmic side``) count as
        locations too.
    locations_left_out : tuple of str
        Locations that do not count, by the name that `location_level` gives them, in any case.
    mim_types : tuple of str
        Types of MIM references that count as diseases, of `sources.uniprot.MIM_TYPES`.
    string_channel : str
        Score that makes an interaction: ``combined``, or one of STRING's channels.
    min_string_score : int
        Lowest such score; with 0 every reported pair counts, in a channel every pair that it scores at all.
    pathway_level : {"lowest", "all"}
    dti_classes : tuple of str
        Classes of compound-target pairs that count as ligands of a protein.
    melanoma_lineage, melanoma_disease : str
        DepMap lines over which the gene effect is averaged.
    melanoma_subtype : str or None
        Only lines of this subtype; every one when None.
    melanoma_threshold : float
        Mean effect below which a dependency is strong.
    go2vec : Go2VecConfig
        Not used with `go_vectors`.
    go_vectors : Path or None
        Vectors of terms to use instead of training them.

    Raises
    ------
    GenoProtError
        If a choice is not one of those there are.
    """

    location_level: str = "full"
    location_topology: bool = False
    locations_left_out: tuple[str, ...] = ()
    mim_types: tuple[str, ...] = ("phenotype",)
    string_channel: str = "combined"
    min_string_score: int = 0
    pathway_level: str = "lowest"
    dti_classes: tuple[str, ...] = tuple(name for name in DTI_CLASSES if name != "NDT")
    melanoma_lineage: str = "Skin"
    melanoma_disease: str = "Melanoma"
    melanoma_subtype: str | None = None
    melanoma_threshold: float = STRONG_EFFECT
    go2vec: Go2VecConfig = field(default_factory=Go2VecConfig)
    go_vectors: Path | None = None

    def __post_init__(self) -> None:
        allowed = {
            "location_level": LOCATION_LEVELS,
            "mim_types": MIM_TYPES,
            "string_channel": ("combined", *CHANNELS),
            "pathway_level": PATHWAY_LEVELS,
            "dti_classes": DTI_CLASSES,
        }
        for name, choices in allowed.items():
            value = getattr(self, name)
            given = (value,) if isinstance(value, str) else value
            if wrong := [choice for choice in given if choice not in choices]:
                raise GenoProtError(f"option {name}: {wrong[0]!r} is not one of {', '.join(choices)}")
            if not given:
                raise GenoProtError(f"option {name}: name at least one of {', '.join(choices)}")
        if not 0 <= self.min_string_score <= 1000:
            raise GenoProtError(f"option min_string_score: {self.min_string_score}, expected 0 to 1000")
        if self.go_vectors is not None and not self.go_vectors.is_file():
            raise GenoProtError(f"option go_vectors: {self.go_vectors} is not a file")

    @property
    def alternatives(self) -> dict[str, str]:
        """Sources that the choices need instead of the usual ones, by their keys."""
        instead = {}
        if self.string_channel != "combined":
            instead["links"] = "links_detailed"
        if self.pathway_level == "all":
            instead["pathways"] = "pathways_all_levels"
        return instead

    def as_dict(self) -> dict[str, Any]:
        """The options as JSON types; of a file its name."""
        values = {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }
        return values | {"go_vectors": None if self.go_vectors is None else self.go_vectors.name}


def add_label_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot build` for every field of `LabelOptions`."""
    plain = LabelOptions()
    group = parser.add_argument_group("what makes an example positive", "defaults are the paper's reading")
    group.add_argument(
        "--location-level",
        choices=LOCATION_LEVELS,
        default=plain.location_level,
        help="of a subcellular location: its full name, or the part before the comma; default: %(default)s",
    )
    group.add_argument(
        "--location-topology",
        action="store_true",
        help="count topologies and orientations as locations",
    )
    group.add_argument(
        "--leave-out-locations",
        nargs="+",
        default=[],
        metavar="NAME",
        dest="locations_left_out",
        help='locations that do not count, such as "Membrane"',
    )
    group.add_argument(
        "--mim-types",
        nargs="+",
        choices=MIM_TYPES,
        default=list(plain.mim_types),
        help="MIM entries that count as diseases; default: phenotype",
    )
    group.add_argument(
        "--string-channel",
        choices=("combined", *CHANNELS),
        default=plain.string_channel,
        help="score that makes an interaction; a channel needs protein.links.detailed; default: %(default)s",
    )
    group.add_argument(
        "--min-string-score",
        type=int,
        default=plain.min_string_score,
        metavar="N",
        help="0 to 1000; default: every reported pair",
    )
    group.add_argument(
        "--pathway-level",
        choices=PATHWAY_LEVELS,
        default=plain.pathway_level,
        help="of Reactome; all needs UniProt2Reactome_All_Levels.txt; default: %(default)s",
    )
    group.add_argument(
        "--dti-classes",
        nargs="+",
        choices=DTI_CLASSES,
        default=list(plain.dti_classes),
        help="classes of compound-target pairs that count; default: all but NDT",
    )
    group.add_argument("--melanoma-lineage", default=plain.melanoma_lineage, metavar="NAME")
    group.add_argument("--melanoma-disease", default=plain.melanoma_disease, metavar="NAME")
    group.add_argument(
        "--melanoma-subtype",
        metavar="NAME",
        help="DepMap lines that count, by OncotreeLineage, OncotreePrimaryDisease and OncotreeSubtype; "
        "default: Skin, Melanoma, every subtype",
    )
    group.add_argument(
        "--melanoma-threshold",
        type=float,
        default=plain.melanoma_threshold,
        metavar="EFFECT",
        help="mean effect over the lines below which a dependency is strong; default: %(default)s",
    )
    group = parser.add_argument_group("vectors of Gene Ontology terms (node2vec)")
    group.add_argument(
        "--go-vectors", type=Path, metavar="FILE", help="in word2vec's text format, instead of training"
    )
    helps = {
        "dimension": "length of the vectors",
        "walk_length": "nodes of a walk",
        "walks_per_node": "walks from each node",
        "window": "largest distance of a context",
        "p": "return parameter",
        "q": "in-out parameter",
        "epochs": "passes over the walks",
    }
    for setting in fields(Go2VecConfig):
        group.add_argument(
            f"--go-{setting.name.replace('_', '-')}",
            type=type(setting.default),
            default=setting.default,
            metavar="N",
            help=f"{helps[setting.name]}; default: %(default)s",
        )


def label_options(args: argparse.Namespace) -> LabelOptions:
    """Options from the arguments of `add_label_arguments`."""
    go2vec = Go2VecConfig(**{own.name: getattr(args, f"go_{own.name}") for own in fields(Go2VecConfig)})
    given = {own.name: getattr(args, own.name) for own in fields(LabelOptions) if own.name != "go2vec"}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return LabelOptions(go2vec=go2vec, **values)
