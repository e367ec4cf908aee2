"""Other models behind Fyke's cache; each is an application of its own."""
