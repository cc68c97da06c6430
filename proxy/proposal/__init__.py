"""A first configuration from what registry and Notary have now, for somebody who has none (design: Command line).

`gathering` asks the servers, `signed` reads who signed what, `rules` draws entries of `repositories` from that,
`keys` finds roots and signers, `text` writes it all as commented YAML, `judging` holds the file against every tag that
is signed now, and `writing` puts it in place. What Notary serves is believed here only to be shown.
"""
