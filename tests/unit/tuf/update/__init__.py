"""The order of one update: what is asked for, when it is asked again, and what an absent file means (S6, S8, S14)."""
