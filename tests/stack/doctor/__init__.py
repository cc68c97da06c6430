"""Every hop of a real installation, whole and with one fault at a time."""
