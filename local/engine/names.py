"""Caller names that the offline engine understands. A real model understands any."""

NAMES = (
    "Amina",
    "Grace",
    "Peter",
    "Joyce",
    "Samuel",
    "Esther",
    "Daniel",
    "Mercy",
    "Victor",
    "Sharon",
    "Michael",
    "Caroline",
    "Benjamin",
    "Naomi",
    "Patrick",
    "Teresa",
)
