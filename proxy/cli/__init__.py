"""The commands, one file a family; they read settings, ask, print and exit.

Exit codes: 0; 1 refused or findings; 2 usage, configuration, invalid reference, port in use, unusable trust
store; 3 could not decide (design: Command line).
"""
