"""Asks a running proxy about an image, with registry credentials only, and believes what holds together."""
