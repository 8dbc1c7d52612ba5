"""Organs and tissues named in the prose of UniProt's tissue specificity."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Protocol

from genoprot_datasets.errors import GenoProtError, SourceError

__all__ = ["Recogniser", "SpacyRecogniser", "VocabularyRecogniser", "is_anatomical", "load_recogniser"]

_MODEL = "en_ner_bionlp13cg_md"

_LABELS = frozenset({"organ", "tissue", "multitissuestructure", "organismsubdivision", "anatomicalsystem"})

_CITATION = re.compile(r"\{[^{}]*\}|\((?:PubMed:[^()]*|[Aa]t protein level|By similarity|Ref\.[^()]*)\)")
"""Evidence and citations, which interrupt a clause without ending it."""

_NOT = (
    r"\bnot\s+(?!(?:only|just|restricted|limited|confined|exclusive(?:ly)?)\b)"
    r"|\b(?:un|non)-?detect(?:able|ed)\b|\babsent\b|\babsence\b|\black(?:s|ed|ing)?\b|\bneither\b|\bnor\b"
    r"|\b(?:no|without)\s+(?:\w+\s+){0,2}?(?:expression|transcripts?|signals?|staining|mRNA|protein|levels?"
    r"|amounts?|detection|(?:immuno)?reactivity|labell?ing)\b"
    r"|\bnever\b|\bnone\b(?!-)|\bdevoid\b|\bnegative\s+(?:in|for)\b|\bfail(?:s|ed)?\s+to\b"
    r"|\bexcept(?:ing)?\b|\bexcluding\b|\bexceptions?\b|\b(?:other\s+than|apart\s+from|aside\s+from)\b"
)

_RESUMED = (
    r"(?:;|\.(?=\s|$)|\)|,?\s(?:but|whereas|while|although|though|however|yet)\b|,\s+with\b"
    r"|(?:,|\sand)\s+(?:(?:is|are|also|found|\w+ly)\s+)*(?:expressed|detected|present|observed|abundant)\b)"
)

_TUMOUR = (
    r"(?:\w*cancer|\w*carcinoma|tumou?r|malignanc(?:y|ie)|leuka?emia|lymphoma|\w*melanoma|neoplasm|\w*sarcoma|\w*glioma"
    r"|\w*blastoma|\w*adenoma|myeloma|metastas[ei]s|metastase)"
)

_TO_CLAUSE_END = rf"(?:(?!{_RESUMED})(?:\([^()]*\)|[^()]))*"

_RULED_OUT = re.compile(
    rf"(?:{_NOT}){_TO_CLAUSE_END}|\b{_TUMOUR}s?(?:\s+(?:cells?|cell\s+lines?|tissues?))?"
    rf"(?:\s+(?:of|in|from)\b|,?\s+including\b|,?\s+such\s+as\b){_TO_CLAUSE_END}|\b{_TUMOUR}s?\s*\([^()]*\)",
    re.IGNORECASE,
)
"""Clauses that name sites where the protein is not, or tumours by the site they arise at."""

_OTHER_HEAD = re.compile(
    rf"-derived\b|(?:[\s-]+(?!(?:and|or|in|of|than|with|by)\b)[\w-]+){{0,3}}?[\s-]+(?:{_TUMOUR}(?P<several>s?)|cell(?P<lines>[\s-]+lines?))\b",
    re.IGNORECASE,
)
"""What makes the site before it the attribute of something that is not that site."""

_LISTED = re.compile(r"\s*(?:,|/|,?\s*\b(?:and|or)\b)\s*", re.IGNORECASE)

_WORD_BEFORE = re.compile(r"(?<![\w-])(\w[\w-]*?)-?(?:\s*[,/]\s*|,?\s+(?:and|or)\s+)\Z", re.IGNORECASE)
"""The last word of a text that ends where the next member of a list begins."""

_LONGEST_WORD = 60


class Recogniser(Protocol):
    """Finds the anatomical sites that texts name.

    Attributes
    ----------
    name : str
        What the manifest calls it.
    version : str
        Changes when the results may change.
    """

    name: str
    version: str

    def recognise(self, texts: Sequence[str]) -> list[frozenset[str]]:
        """Normalised names of the sites of each text, in the order of the texts."""
        ...


class VocabularyRecogniser:
    """Looks the forms of a vocabulary up in the text.

    The longest form wins; singular, plural and adjective stand for the same site, and small parts stand
    for their organ ("renal tubules" is the kidney), except the regions of the brain, of the gut and of
    the eye. Where a list has one noun for all ("small and large intestine") each member counts. Not counted
    are sites in negated clauses ("not detected in", "except"), tumours ("lung and breast carcinomas"), cell
    lines, and what cells derive from ("bone marrow-derived").

    Parameters
    ----------
    vocabulary : Path, optional
        Tab-separated table with a header and the columns `site` and `forms`, forms separated by ``|``. The
        package's own of some 200 human organs, tissues and organ systems when left out.

    Raises
    ------
    SourceError
        If a line has not two columns, or a form stands for two sites.

    Examples
    --------
    >>> found = VocabularyRecogniser().recognise(["Detected in hepatic tissue and testes, but not in lung."])
    >>> sorted(found[0])
    ['liver', 'testis']
    """

    name = "vocabulary"

    def __init__(self, vocabulary: Path | None = None) -> None:
        source = vocabulary or resources.files("genoprot_datasets").joinpath("anatomy_terms.tsv")
        content = source.read_text(encoding="utf-8")
        rules = Path(__file__).read_bytes()
        self.version = hashlib.sha256(content.encode() + rules).hexdigest()[:12]
        self._sites = _read_forms(content, str(source))
        forms = sorted(self._sites, key=lambda form: (-len(form), form))
        pattern = "|".join(re.escape(form).replace(r"\ ", r"[\s-]+") for form in forms)
        self._pattern = re.compile(rf"(?<![\w-])(?:{pattern})(?!\w)", re.IGNORECASE)

    def recognise(self, texts: Sequence[str]) -> list[frozenset[str]]:
        return [frozenset(self._sites_of(_CITATION.sub("", text))) for text in texts]

    def normalise(self, mention: str) -> str:
        """Site that a mention stands for; the mention in lower case when the vocabulary does not have it."""
        form = _key(mention)
        return self._sites.get(form, form)

    def _sites_of(self, text: str) -> Iterable[str]:
        ruled_out = _ruled_out(text)
        following: re.Match[str] | None = None
        several = False
        for match in reversed(list(self._pattern.finditer(text))):
            head = _OTHER_HEAD.match(text, match.end())
            in_list = following is not None and _LISTED.fullmatch(text, match.end(), following.start())
            if head:
                several = bool(head["several"] or head["lines"])
            elif not (several and in_list):
                several = False
                if not any(start <= match.start() < end for start, end in ruled_out):
                    yield self._sites[_key(match[0])]
                    yield from self._sharing_the_noun(text, match)
            following = match

    def _sharing_the_noun(self, text: str, match: re.Match[str]) -> Iterable[str]:
        """Sites whose noun stands only behind the last member of their list."""
        words = _key(match[0]).split()
        start = match.start()
        while before := _WORD_BEFORE.search(text, max(0, start - _LONGEST_WORD), start):
            word = _key(before[1])
            nouns = (" ".join(words[position:]) for position in range(1, len(words)))
            site = next(filter(None, (self._sites.get(f"{word} {noun}") for noun in nouns)), None)
            if site is None or word in self._sites:
                return
            yield site
            start = before.start()


class SpacyRecogniser:
    """Runs a spaCy pipeline that labels anatomical entities, such as scispaCy's ``en_ner_bionlp13cg_md``.

    Entities labelled organ, tissue, multi-tissue structure, organism subdivision or anatomical system
    count; cells, cancers and fluids do not. Negated clauses are left out and names are normalised as by
    `VocabularyRecogniser`.

    Parameters
    ----------
    model : str
        Name of an installed pipeline, or its folder.

    Raises
    ------
    GenoProtError
        If spaCy or the pipeline is not installed.

    References
    ----------
    Neumann et al., "ScispaCy: fast and robust models for biomedical natural language processing",
    BioNLP 2019.
    """

    def __init__(self, model: str = _MODEL) -> None:
        try:
            import spacy

            self._pipeline = spacy.load(model)
        except (ImportError, OSError):
            raise GenoProtError(
                f"recogniser spacy:{model}: spaCy or this pipeline is not installed; install "
                "`geno-prot[ner]` and the pipeline, or use the recogniser vocabulary"
            ) from None
        self.name = f"spacy:{self._pipeline.meta['lang']}_{self._pipeline.meta['name']}"
        self._vocabulary = VocabularyRecogniser()
        self.version = f"{self._pipeline.meta['version']}+{self._vocabulary.version}"

    def recognise(self, texts: Sequence[str]) -> list[frozenset[str]]:
        cleaned = [_CITATION.sub("", text) for text in texts]
        found = []
        for document in self._pipeline.pipe(cleaned):
            ruled_out = _ruled_out(document.text)
            found.append(
                frozenset(
                    self._vocabulary.normalise(entity.text)
                    for entity in document.ents
                    if is_anatomical(entity.label_)
                    and not any(start <= entity.start_char < end for start, end in ruled_out)
                )
            )
        return found


def is_anatomical(label: str) -> bool:
    """Whether entities of a type are sites: organs, tissues, subdivisions and systems of the body.

    Examples
    --------
    >>> [is_anatomical(label) for label in ("Multi-tissue_structure", "MULTI_TISSUE_STRUCTURE", "Cell")]
    [True, True, False]
    """
    return re.sub(r"[\W_]", "", label).lower() in _LABELS


def load_recogniser(name: str = "auto") -> Recogniser:
    """Make the recogniser of that name.

    Parameters
    ----------
    name : str
        ``vocabulary``; ``spacy:NAME`` for an installed pipeline or its folder; or ``auto`` for scispaCy's
        ``en_ner_bionlp13cg_md`` where it is installed and the vocabulary elsewhere.

    Returns
    -------
    Recogniser

    Raises
    ------
    GenoProtError
        If there is no such recogniser.

    Examples
    --------
    >>> load_recogniser("vocabulary").name
    'vocabulary'
    """
    if name == "auto":
        installed = all(importlib.util.find_spec(package) for package in ("spacy", _MODEL))
        return SpacyRecogniser() if installed else VocabularyRecogniser()
    if name == "vocabulary":
        return VocabularyRecogniser()
    kind, _, model = name.partition(":")
    if kind == "spacy" and model:
        return SpacyRecogniser(model)
    raise GenoProtError(f"unknown recogniser {name!r}; expected auto, vocabulary or spacy:NAME")


def _ruled_out(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _RULED_OUT.finditer(text)]


def _read_forms(content: str, source: str) -> dict[str, str]:
    """Site of every form and its plural, by `_key`."""
    sites: dict[str, str] = {}
    for number, line in enumerate(content.splitlines()[1:], start=2):
        columns = line.split("\t")
        if len(columns) != 2 or not columns[0]:
            raise SourceError(
                source, f"expected a site and its forms, found {len(columns)} columns", line=number
            )
        for form in [columns[0], *filter(None, columns[1].split("|"))]:
            known = sites.setdefault(_key(form), columns[0])
            if known != columns[0]:
                raise SourceError(source, f"{form!r} stands for {known!r} and {columns[0]!r}", line=number)
    return {**{_plural(form): site for form, site in sites.items()}, **sites}


def _key(form: str) -> str:
    """A form in lower case, with single spaces for hyphens and line breaks."""
    return re.sub(r"[\s-]+", " ", form.strip().lower())


def _plural(form: str) -> str:
    if form.endswith("y") and form[-2] not in "aeiou":
        return form[:-1] + "ies"
    return form + ("es" if form.endswith(("s", "x", "ch", "sh")) else "s")
