"""Requests that try to read a manifest that nobody admitted, on every way but the blobs."""
