"""Telling what may pass by itself from what a person must mend."""


def may_pass(error: BaseException) -> bool:
    """Whether an error, or one that it comes from, is the machine's: no descriptors, no memory, a disk that fails.

    The same files may be read at the next look, so that it is wrong to wait until they change.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or (isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError)):
            return True
        cause = cause.__cause__
    return False
