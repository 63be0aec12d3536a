"""Recordings of a call and what can be measured in them."""
