"""From the bytes of a message to the text that the model sees."""
