"""Classes of models as a report shows them: their order, titles and colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from genoprot_evaluate.results import ResultRecord, ScoredModel

__all__ = ["CLASSES", "ModelClass", "class_of", "colours", "models_by_class"]


@dataclass(frozen=True)
class ModelClass:
    """A class of models.

    Parameters
    ----------
    title : str
        Name in legends and headings.
    label : str
        Word for one model of the class.
    dark, light : str
        Ends of the ramp from which the models of the class get their tones, as ``#rrggbb``.
    """

    title: str
    label: str
    dark: str
    light: str


CLASSES: Mapping[str, ModelClass] = MappingProxyType(
    {
        "dna": ModelClass("DNA encoders", "DNA", "#1b6ca8", "#9ccdf0"),
        "protein": ModelClass("Protein encoders", "protein", "#c24e00", "#f7b98b"),
        "both": ModelClass("DNA and protein encoders", "DNA + protein", "#007a5a", "#8fd9bf"),
        "other": ModelClass("Other encoders", "other", "#8a7400", "#e8d877"),
        "ensemble": ModelClass("Ensembles", "ensemble", "#9c4a7c", "#e6b8d4"),
        "combination": ModelClass("Beyond the paper's ensembles", "learned", "#5b4b9a", "#c3b8e6"),
        "language-model": ModelClass("Language models, zero-shot", "zero-shot", "#5f4335", "#cbb2a3"),
        "baseline": ModelClass("Baselines", "baseline", "#6a6f75", "#c3c7cb"),
    }
)
"""Classes by key, in the order in which a report shows them.

References
----------
Hues after Okabe and Ito, "Color Universal Design" (2008), which people with any of the common colour
vision deficiencies tell apart.
"""

_MODALITIES = ("dna", "protein", "both")


def class_of(model: ScoredModel) -> str:
    """Key in `CLASSES`: the kind, and for encoders the modality.

    Examples
    --------
    >>> class_of(ScoredModel(kind="encoder", title="", modality="dna"))
    'dna'
    >>> class_of(ScoredModel(kind="encoder", title="")), class_of(ScoredModel(kind="baseline", title=""))
    ('other', 'baseline')
    """
    if model.kind != "encoder":
        return model.kind
    return model.modality if model.modality in _MODALITIES else "other"


def models_by_class(record: ResultRecord) -> dict[str, list[str]]:
    """Names of the models of each class that has any; classes in their order, names sorted."""
    found: dict[str, list[str]] = {}
    for key in CLASSES:
        names = sorted(name for name, model in record.models.items() if class_of(model) == key)
        if names:
            found[key] = names
    return found


def colours(record: ResultRecord) -> dict[str, str]:
    """Colour of every model as ``#rrggbb``: a tone of its class, dark to light by name."""
    tones = {}
    for key, names in models_by_class(record).items():
        for place, name in enumerate(names):
            share = place / (len(names) - 1) if len(names) > 1 else 0.5
            tones[name] = _between(CLASSES[key].dark, CLASSES[key].light, share)
    return tones


def _between(dark: str, light: str, share: float) -> str:
    """Colour at a share of the straight way from one to the other in sRGB."""
    ends = zip(bytes.fromhex(dark[1:]), bytes.fromhex(light[1:]))
    return "#" + "".join(f"{round(first + share * (last - first)):02x}" for first, last in ends)
