"""What is in trust data, shown to people who ask: who signed what, and which root keys there are."""
