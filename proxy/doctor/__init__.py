"""Tests each hop of an installation alone, and says what is wrong with it and how to mend that.

A hop is one file: named checks that note findings, one after the other as far as they can run. What depends on a
check that failed is not run, and said so once; other hops go on. Nothing here changes anything anywhere.
"""
