"""What people do with the trust store: look, forget, carry trust data elsewhere and back (design: Trust store).

Whatever is brought in only ever raises what is remembered, and is verified anew under today's configuration.
"""
