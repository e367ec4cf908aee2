"""Text that UTF-8 can hold."""


def encodable(text: str) -> str:
    """The text with a question mark for each lone surrogate, which JSON can hold and UTF-8 cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
