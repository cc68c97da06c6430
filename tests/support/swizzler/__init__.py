"""The catalogue of corruptions of a simulated Notary."""
