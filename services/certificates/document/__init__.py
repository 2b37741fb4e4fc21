"""The document: what a certificate says (inputs), how it is printed (render), how a machine reads it (credential)."""
