"""A made-up proteome with planted signal, written in the native formats of the real sources."""

from genoprot_datasets.synthetic.synthesis import synthesize

__all__ = ["synthesize"]
