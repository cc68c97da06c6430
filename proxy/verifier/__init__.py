"""Verifies without keeping the event loop waiting: small collections at once, large ones in a process of their own."""

from proxy.verifier.verifier import Verifier

__all__ = ["Verifier"]
