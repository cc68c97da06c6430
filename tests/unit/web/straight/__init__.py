"""Manifest reads: the signed digest, or a refusal to those who may hear it."""
