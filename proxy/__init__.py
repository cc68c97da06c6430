"""Tagwarden: a registry proxy that serves what was signed in Notary, and nothing else."""

__version__ = "0.1.0"
