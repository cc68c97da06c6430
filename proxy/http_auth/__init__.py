"""How this program shows who it is: challenges, and tokens for them, for its own requests to Notary and registry."""
