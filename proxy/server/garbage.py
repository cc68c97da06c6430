"""What the program itself consists of is never garbage, so nobody who asks waits while it is looked through."""

import gc


def settle() -> None:
    """Have the collector pass over all there is so far: every module, class and function, before any configuration.

    Going through them holds the event loop for 50 ms and more, each time. What a configuration is made of stays within
    its reach: after a reload it has to go.
    """
    gc.collect()
    gc.freeze()
