"""The carrier's language: voice documents, webhooks and their signatures. Values in, values out; no I/O."""
