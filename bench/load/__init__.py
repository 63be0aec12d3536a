"""The load generator: N phones and the model they talk to, in one process and on one clock, so that every latency has both ends here."""
