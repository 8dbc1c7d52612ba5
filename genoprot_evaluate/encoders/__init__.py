"""Encoders: one module per family, found by name through the registry."""

from __future__ import annotations

from genoprot_evaluate.encoders.base import Encoder, EncoderSpec
from genoprot_evaluate.encoders.registry import encoder_names, load_encoder

__all__ = ["Encoder", "EncoderSpec", "encoder_names", "load_encoder"]
