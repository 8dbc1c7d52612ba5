"""The checks in the order in which they are made, and what runs them."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.conformance import batches, inputs, lengths, output, traces
from genoprot_evaluate.conformance.outcome import Check, Failed, Outcome, Skipped
from genoprot_evaluate.conformance.special_tokens import special_tokens_do_not_count
from genoprot_evaluate.conformance.subject import LONGEST, TOLERANCE, Subject
from genoprot_evaluate.encoders.base import Encoder, check_encoder, resolve_view
from genoprot_evaluate.encoders.joined import JoinedViews

__all__ = ["CHECKS", "check_conformance"]

_VECTORS = ("dimension", "finite")
_STEADY = (*_VECTORS, "deterministic")
_LENGTHS = (*_STEADY, "distinct")

CHECKS = (
    Check("facts", "the spec says what a record and a card need", output.facts_are_stated),
    Check("dimension", "one vector a sequence, as long as declared", output.dimension_is_declared),
    Check("dtype", "float32", output.numbers_are_float32, ("dimension",)),
    Check("finite", "no NaN, no infinity", output.numbers_are_finite, ("dimension",)),
    Check("deterministic", "two calls give the same bits", output.calls_agree, _VECTORS),
    Check("distinct", "different sequences, different vectors", output.vectors_differ, _STEADY),
    Check("order", "the order of a batch does not matter", batches.order_does_not_matter, _STEADY),
    Check("batch-size", "the size of a batch does not matter", batches.size_does_not_matter, _STEADY),
    Check("padding", "a longer neighbour does not matter", batches.padding_does_not_matter, _STEADY),
    Check("case", "lower case is read as upper case", inputs.case_does_not_matter, _STEADY),
    Check("ambiguity", "IUPAC letters give finite vectors", inputs.ambiguous_letters_are_read, _VECTORS),
    Check("foreign", "other letters are read or refused", inputs.foreign_letters_are_no_crash, _VECTORS),
    Check("one-letter", "a sequence of one letter has a vector", inputs.one_letter_is_read, _VECTORS),
    Check("empty-sequence", "has a vector, or is refused", inputs.empty_sequence_is_no_crash, _VECTORS),
    Check("empty-batch", "has no vectors, or is refused", inputs.empty_batch_has_no_vectors, _VECTORS),
    Check("context", "the longest sequence is read to its end", lengths.context_is_read, _LENGTHS),
    Check(
        "beyond-context", "a longer one is read to its end", lengths.pieces_are_read, (*_LENGTHS, "context")
    ),
    Check("special-tokens", "special tokens count only where stated", special_tokens_do_not_count, _STEADY),
    Check("arguments", "the list of sequences stays as it is", traces.arguments_stay, _VECTORS),
    Check("random-state", "random generators stay as they are", traces.random_state_stays, _VECTORS),
    Check("engine", "genoprot embed writes the same vectors", traces.engine_agrees, _STEADY),
)
"""Every check; one that others need comes before them."""


def check_conformance(
    encoder: Encoder,
    *,
    modality: str | None = None,
    tolerance: float = TOLERANCE,
    longest: int = LONGEST,
    progress: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    """Try what every encoder has to do.

    Parameters
    ----------
    encoder : Encoder
    modality : {"dna", "protein", "both"}, optional
        What to give an encoder of both; with "both" it is the joined vectors of a record that are checked.
    tolerance : float
        Largest difference that batches may make, as a share of the largest absolute value of the vectors.
    longest : int
        Most letters of a sequence; a context beyond it is not reached, which the outcome says.
    progress : callable, optional
        Called with every outcome as soon as it is there.

    Returns
    -------
    list of Outcome
        In the order of `CHECKS`.

    Raises
    ------
    GenoProtError
        If it is no encoder at all, or the modality is not one that it reads.

    Examples
    --------
    >>> from genoprot_evaluate.encoders import load_encoder
    >>> outcomes = check_conformance(load_encoder("composition"))
    >>> [outcome.name for outcome in outcomes if outcome.status == "fail"]
    []
    """
    if longest < 1 or not tolerance >= 0:
        raise GenoProtError(f"longest {longest} and tolerance {tolerance}: give positive numbers")
    view = resolve_view(check_encoder(encoder).spec, modality)
    if view == "both" and not isinstance(encoder, JoinedViews):
        encoder = JoinedViews(encoder, encoder, f"{encoder.spec.name}-both")
    subject = Subject(encoder, view, tolerance, longest)
    outcomes: dict[str, Outcome] = {}
    for check in CHECKS:
        lacking = [name for name in check.needs if outcomes[name].status != "pass"]
        if lacking:
            status, reason = "skip", f"says nothing while {', '.join(lacking)} does not pass"
        else:
            status, reason = _tried(check, subject)
        outcomes[check.name] = Outcome(check.name, check.demand, status, reason)
        progress(outcomes[check.name])
    return list(outcomes.values())


def _tried(check: Check, subject: Subject) -> tuple[str, str]:
    try:
        return "pass", check.run(subject)
    except Failed as found:
        return "fail", str(found)
    except Skipped as cause:
        return "skip", str(cause)
    except Exception as error:  # whatever somebody else's encoder raises is a finding
        said = f"raised {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return "fail", said + _place(error, subject.encoder)


def _place(error: Exception, encoder: Encoder) -> str:
    """The line of the encoder's own module at which it raised, in brackets."""
    own = getattr(sys.modules.get(type(encoder).__module__), "__file__", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
    return f" ({own}, line {lines[-1]})" if lines else ""
